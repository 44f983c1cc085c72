#!/bin/sh
# The first program of a virtual machine. It builds the root of the commands, then takes orders from the host:
# one port for what concerns the machine, and for each slot three: its commands, their output, their errors.
set -e
. /settings
export PATH=/bin

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module" 2>/dev/null || true; done

waiting=0
until [ -e "$(echo /dev/vport*p$((3 * SLOTS + 1)))" ] && [ -e /dev/vdb ]; do
    waiting=$((waiting + 1)); [ $waiting -lt 500 ]; usleep 10000
done
port=$(echo /dev/vport*p1) port=${port%1}
# there is no device of a network until the host says that there is a network
cards=/sys/bus/virtio/drivers/virtio_net
card=$(readlink /sys/class/net/eth0/device) && card=${card##*/} && echo $card > $cards/unbind || true
image=/dev/vda disk=/dev/vdb
[ "$(cat /sys/block/vda/ro)" = 1 ] || { image=/dev/vdb disk=/dev/vda; }

mount -t squashfs -o ro,nosuid,nodev $image /image
mount -t ext4 -o nosuid,nodev $disk /disk
mkdir -p /disk/upper /disk/work
mount -t overlay -o nosuid,nodev,lowerdir=/image,upperdir=/disk/upper,workdir=/disk/work root /root
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap,nosuid,nodev volumes /volumes

cd /root
mkdir -p proc sys dev
number=0
for path; do
    mkdir -p "/root$path"
    mount --bind /volumes/vol-$number "/root$path"
    number=$((number + 1))
done
number=0
for path in $FILES; do
    mkdir -p "/root${path%/*}"
    rm -f "/root$path"
    : > "/root$path"
    mount --bind /files/$number "/root$path"
    mount -o remount,bind,ro "/root$path"
    number=$((number + 1))
done
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sys sys
mount -t tmpfs -o nosuid,mode=755,size=64k dev dev
mkdir dev/pts dev/shm
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=620 pts dev/pts
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=$SHARED shm dev/shm
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr

mount -t cgroup2 none /group
echo "+memory +pids +cpu" > /group/cgroup.subtree_control
mkdir /group/payload
echo $MEMORY > /group/payload/memory.max
echo 0 > /group/payload/memory.swap.max 2>/dev/null || true
echo $PROCESSES > /group/payload/pids.max
echo "$CPU" > /group/payload/cpu.max
hostname golem
ip link set lo up
# as in containers, whoever is alone in a network may have its low ports, and ping
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range

# what the commands see as the first process; it waits and reaps
unshare -p -m -u -i -f sh -c 'mount -t proc -o nosuid,nodev,noexec proc /root/proc; exec /pause' &
first=
until [ -n "$first" ]; do usleep 1000; read -r first < "/proc/$!/task/$!/children" || true; done
until [ "$(readlink /proc/$first/exe)" = /pause ]; do usleep 1000; done

slot() {
    exec 3<> ${port}$2
    out=/run/$1.out err=/run/$1.err
    mkfifo $out $err
    while IFS= read -r line <&3; do
        mark=${line%% *}
        eval "set -- ${line#* }"
        cat $out > ${port}$OUT & outs=$!
        cat $err > ${port}$ERR & errs=$!
        (echo 0 > /group/payload/cgroup.procs; exec nsenter -t $first -p -m -u -i -- /bin/env -i "$@") \
            > $out 2> $err < /dev/null 3>&- & command=$!
        echo "began $command" >&3
        code=0; wait $command || code=$?
        echo "ended $code $outs $errs" >&3
        wait $outs || true; printf %s "$mark" > ${port}$OUT
        wait $errs || true; printf %s "$mark" > ${port}$ERR
    done
}

set +e
N="
"
number=0
while [ $number -lt $SLOTS ]; do
    OUT=$((3 * number + 3)) ERR=$((3 * number + 4))
    slot $number $((3 * number + 2)) &
    number=$((number + 1))
done

kill_command() {
    children=
    read -r children < "/proc/$1/task/$1/children"
    kill -9 $children
    kill -9 $1
}

orders() {
    exec 4<> ${port}1
    echo ready >&4
    while read -r order what <&4; do
        case $order in
            kill) kill_command $what ;;
            close) kill $what ;;
            ip|ping)
                [ -e /sys/class/net/eth0 ] || echo $card > $cards/bind
                $order $what > /dev/null; echo "$order $?" >&4 ;;
            end) echo 1 > /group/payload/cgroup.kill ;;
            usage) read -r peak < /group/payload/memory.peak; echo "usage $peak" >&4 ;;
        esac 2> /dev/null
    done
    poweroff -f
}

orders &
exec /pause

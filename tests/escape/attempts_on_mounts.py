"""Mounts, namespaces and privileges."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import struct
import sys
from pathlib import Path

from attempting import (
    CONTEXT,
    MS_BIND,
    MS_MOVE,
    MS_REMOUNT,
    NEW_NAMESPACES,
    all_held,
    attempt,
    call,
    checked,
    libc,
    mounted,
)

# -- mounts --------------------------------------------------------------------------------------------------


@attempt
def mount_a_tmpfs() -> str | None:
    return mounted("none", "/tmp", "tmpfs")


@attempt
def mount_another_proc_and_sysfs() -> str | None:
    return all_held(*(lambda kind=kind: mounted(kind, "/tmp", kind) for kind in ("proc", "sysfs", "cgroup")))


@attempt
def mount_an_overlay_of_the_root() -> str | None:
    return mounted("overlay", "/tmp", "overlay", 0, "lowerdir=/,upperdir=/golem/work,workdir=/golem/work")


@attempt
def mount_a_disk() -> str | None:
    disks = ("/dev/sda", "/dev/vda", "/dev/loop0", "/dev/nvme0n1")
    return all_held(*(lambda disk=disk: mounted(disk, "/tmp", "ext4") for disk in disks))


@attempt
def remount_what_is_read_only() -> str | None:
    places = ("/proc/sys", "/sys", "/proc/sysrq-trigger", "/.golem-pause")
    return all_held(*(lambda to=to: mounted("none", to, "", MS_REMOUNT | MS_BIND) for to in places))


@attempt
def unmount_what_masks() -> str | None:
    def unmount(target: str) -> str:
        checked(libc.umount2(target.encode(), 2))
        return f"{target} was unmounted"

    return all_held(*(lambda to=to: unmount(to) for to in ("/proc/kcore", "/proc/sys", "/sys", "/proc", "/")))


@attempt
def move_a_mount() -> str | None:
    return mounted("/proc", "/tmp", "", MS_MOVE)


@attempt
def mount_by_the_new_calls() -> str | None:
    return all_held(
        lambda: f"fsopen {call('fsopen', b'tmpfs', 0)}",
        lambda: f"open_tree {call('open_tree', -100, b'/', 1)}",
        lambda: f"mount_setattr {call('mount_setattr', -100, b'/', 0x8000, bytes(32), 32)}",
    )


@attempt
def change_the_root() -> str | None:
    return all_held(
        lambda: f"pivot_root {call('pivot_root', b'/golem/work', b'/golem/work')}",
        lambda: f"chroot {call('chroot', b'/golem/work')}",
    )


# -- namespaces and privileges -------------------------------------------------------------------------------


@attempt
def unshare_every_namespace() -> str | None:
    def unshare(name: str, flag: int) -> str:
        checked(libc.unshare(flag))
        return f"a new {name} namespace"

    return all_held(*(lambda each=each: unshare(*each) for each in NEW_NAMESPACES.items()))


@attempt
def clone_into_a_new_user_namespace() -> str | None:
    number = 56 if platform.machine() == "x86_64" else 220
    child = checked(libc.syscall(number, NEW_NAMESPACES["user"] | signal.SIGCHLD, 0, 0, 0, 0))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "clone made a user namespace"


@attempt
def clone3_into_a_new_user_namespace() -> str | None:
    arguments = struct.pack("<11Q", NEW_NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
    child = call("clone3", arguments, len(arguments))
    if child == 0:
        os._exit(0)
    return "clone3 made a user namespace"


@attempt
def join_the_namespaces_of_the_first_process() -> str | None:
    def join(name: str) -> str:
        descriptor = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
        checked(libc.setns(descriptor, 0))
        return f"joined {name}"

    return all_held(*(lambda name=name: join(name) for name in ("mnt", "user", "net", "pid", "ipc", "uts")))


@attempt
def have_privileges() -> str | None:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(lines[name], 16)]
    if lines["NoNewPrivs"].strip() != "1" or lines["Seccomp"].strip() != "2":
        held.append("new privileges, or every system call")
    return ", ".join(held) or None


@attempt
def raise_capabilities() -> str | None:
    header, wanted = struct.pack("<Ii", 0x20080522, 0), struct.pack("<6I", *([0xFFFFFFFF] * 6))
    call("capset", header, wanted)
    return "capabilities were raised"


@attempt
def be_root_of_the_machine() -> str | None:
    """The first id of the machine must not be anybody's in here."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        _, outside, _ = (int(field) for field in line.split())
        if outside == 0:
            return f"root of the machine is mapped: {line}"
    return None


@attempt
def gain_root_by_a_setuid_program() -> str | None:
    program = Path("/golem/work/setuid")
    program.write_bytes(Path(os.path.realpath(sys.executable)).read_bytes())
    program.chmod(0o6755)
    if os.fork() == 0:
        os.setuid(1000)  # fails where only one id is mapped
        os.execv(program, [str(program), "-c", "import os, sys; sys.exit(os.geteuid() == 0)"])
    _, status = os.wait()
    return (
        "a setuid program ran as root"
        if os.waitstatus_to_exitcode(status) == 1 and CONTEXT["many_ids"]
        else None
    )


@attempt
def give_a_program_capabilities() -> str | None:
    program = Path("/golem/work/capable")
    program.write_bytes(b"\x7fELF")
    os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, 0xFFFFFFFF, 0, 0, 0))
    return "a file has capabilities"


@attempt
def write_attributes_that_the_host_trusts() -> str | None:
    file = Path("/golem/work/attributes")
    file.touch()
    names = ("trusted.overlay.redirect", "trusted.overlay.opaque", "trusted.any")
    through = all_held(*(lambda name=name: os.setxattr(file, name, b"/etc") or name for name in names))
    file.unlink()
    return through


@attempt
def make_files_that_cannot_be_removed() -> str | None:
    file = os.open("/golem/work/immutable", os.O_RDWR | os.O_CREAT)
    fcntl.ioctl(file, 0x40086602, struct.pack("<Q", 0x30))  # FS_IOC_SETFLAGS: immutable, append only
    return "a file is immutable"


@attempt
def freeze_the_file_system() -> str | None:
    fcntl.ioctl(os.open("/golem/work", os.O_RDONLY), 0xC0045877, 0)
    return "the file system is frozen"

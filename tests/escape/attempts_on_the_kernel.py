"""The kernel and its files, and devices."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from pathlib import Path

from attempting import HARMLESS_DEVICES, all_held, attempt, call, checked, libc, written

# -- the kernel ----------------------------------------------------------------------------------------------


@attempt
def use_the_keyring() -> str | None:
    return all_held(
        lambda: f"add_key {call('add_key', b'user', b'golem', b'x', 1, -3)}",
        lambda: f"request_key {call('request_key', b'user', b'golem', 0, -3)}",
        lambda: f"keyctl {call('keyctl', 1, 0)}",
    )


@attempt
def load_code_into_the_kernel() -> str | None:
    return all_held(
        lambda: f"init_module {call('init_module', b'x', 1, b'')}",
        lambda: f"delete_module {call('delete_module', b'loop', 0)}",
        lambda: f"kexec_load {call('kexec_load', 0, 0, 0, 0)}",
        lambda: f"bpf {call('bpf', 0, struct.pack('<4I', 1, 4, 4, 1) + bytes(56), 72)}",
    )


@attempt
def use_the_holes_of_other_years() -> str | None:
    return all_held(
        lambda: f"io_uring_setup {call('io_uring_setup', 1, bytes(120))}",
        lambda: f"userfaultfd {call('userfaultfd', 0)}",
        lambda: f"perf_event_open {call('perf_event_open', bytes(128), 0, -1, -1, 0)}",
        lambda: f"fanotify_init {call('fanotify_init', 0, 0)}",
    )


@attempt
def open_a_file_by_its_number() -> str | None:
    """The way of Shocker: a handle needs no path."""
    handle = struct.pack("<Ii", 8, 1) + struct.pack("<II", 2, 0)
    return f"open_by_handle_at {call('open_by_handle_at', os.open('/', os.O_RDONLY), handle, 0)}"


@attempt
def stop_or_change_the_machine() -> str | None:
    return all_held(
        lambda: f"reboot {call('reboot', 0xFEE1DEAD, 672274793, 0x89ABCDEF)}",
        lambda: f"swapon {call('swapon', b'/golem/work', 0)}",
        lambda: f"acct {call('acct', 0)}",
        lambda: f"quotactl {call('quotactl', 0, 0, 0, 0)}",
        lambda: f"vhangup {call('vhangup')}",
        lambda: f"sethostname {call('sethostname', b'mine', 4)}",
        lambda: f"setdomainname {call('setdomainname', b'mine', 4)}",
    )


@attempt
def change_the_clock() -> str | None:
    return all_held(
        lambda: f"settimeofday {call('settimeofday', struct.pack('<qq', 1, 0), 0)}",
        lambda: f"clock_settime {call('clock_settime', 0, struct.pack('<qq', 1, 0))}",
        lambda: f"adjtimex {call('adjtimex', struct.pack('<I', 1) + bytes(204))}",
    )


@attempt
def read_the_log_of_the_kernel() -> str | None:
    buffer = ctypes.create_string_buffer(100)
    return all_held(
        lambda: f"syslog {call('syslog', 3, buffer, 100)}", lambda: Path("/dev/kmsg").read_text()[:100]
    )


@attempt
def write_to_proc() -> str | None:
    files = {
        "/proc/sys/kernel/core_pattern": "|/golem/work/x",
        "/proc/sys/kernel/modprobe": "/golem/work/x",
        "/proc/sys/vm/overcommit_memory": "1",
        "/proc/sys/net/ipv4/ip_forward": "1",
        "/proc/sys/fs/file-max": "10",
        "/proc/sysrq-trigger": "h",
        "/proc/irq/default_smp_affinity": "1",
        "/proc/bus/pci/00/00.0": "x",
    }
    return all_held(*(lambda each=each: written(*each) for each in files.items()))


@attempt
def be_spared_by_the_out_of_memory_killer() -> str | None:
    return written("/proc/self/oom_score_adj", "-1000")


@attempt
def write_to_sys() -> str | None:
    files = ["/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/ksm/run", "/sys/fs/cgroup/x"]
    for folder, _, names in os.walk("/sys"):
        files += [f"{folder}/{name}" for name in names if name in ("release_agent", "uevent", "cgroup.procs")]
        if len(files) > 500:
            break
    return all_held(*(lambda path=path: written(path, "add") for path in files))


@attempt
def read_the_memory_of_the_machine() -> str | None:
    def first_bytes(path: str) -> str | None:
        with open(path, "rb") as file:
            return f"{path}: {file.read(16)!r}" if file.read(1) else None

    secret = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/dev/mem", "/dev/port")
    return all_held(*(lambda path=path: first_bytes(path) for path in secret))


@attempt
def read_addresses_of_the_kernel() -> str | None:
    with open("/proc/kallsyms", encoding="ascii") as file:
        addresses = {next(file).split()[0] for _ in range(100)}
    return None if addresses == {"0" * 16} else f"kallsyms: {addresses.pop()}"


# -- devices -------------------------------------------------------------------------------------------------


@attempt
def find_devices_of_the_machine() -> str | None:
    found = []
    for folder, _, names in os.walk("/dev"):
        for name in names:
            mode = os.lstat(f"{folder}/{name}").st_mode
            harmless = name in HARMLESS_DEVICES or folder == "/dev/pts"
            if (stat.S_ISBLK(mode) or stat.S_ISCHR(mode)) and not harmless:
                found.append(f"{folder}/{name}")
    return ", ".join(found) or None


@attempt
def make_devices() -> str | None:
    def make(place: str, kind: int, numbers: tuple[int, int]) -> str:
        os.mknod(place, kind | 0o666, os.makedev(*numbers))
        os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        return f"{place} is device {numbers}"

    disks, memory = (stat.S_IFBLK, (7, 0)), (stat.S_IFCHR, (1, 1))
    fuse, kvm = (stat.S_IFCHR, (10, 229)), (stat.S_IFCHR, (10, 232))
    places = ("/golem/work/device", "/device", "/tmp/device", "/dev/device", "/dev/shm/device")
    return all_held(
        *(lambda to=to, what=what: make(to, *what) for to in places for what in (disks, memory, fuse, kvm))
    )


@attempt
def open_the_ports_of_the_machine() -> str | None:
    if not hasattr(libc, "iopl"):
        return None
    return all_held(
        lambda: f"iopl {checked(libc.iopl(3))}", lambda: f"ioperm {checked(libc.ioperm(0x80, 1, 1))}"
    )

"""Other processes, and the limits of one's own."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import signal
import stat
import struct
from pathlib import Path

from attempting import CONTEXT, PTRACE_ATTACH, PTRACE_SEIZE, all_held, attempt, call, checked, libc

# -- other processes -----------------------------------------------------------------------------------------


@attempt
def trace_other_processes() -> str | None:
    def trace(request: int, process: int) -> str:
        checked(libc.ptrace(ctypes.c_long(request), process, None, None))
        return f"ptrace {request:#x} of {process}"

    targets = (1, os.getppid(), CONTEXT["host_process"])
    return all_held(
        *(lambda to=to, how=how: trace(how, to) for to in targets for how in (PTRACE_ATTACH, PTRACE_SEIZE))
    )


@attempt
def read_the_memory_of_others() -> str | None:
    buffer = ctypes.create_string_buffer(8)
    vector = struct.pack("<QQ", ctypes.addressof(buffer), 8)
    return all_held(
        lambda: f"process_vm_readv {call('process_vm_readv', 1, vector, 1, vector, 1, 0)}",
        lambda: f"move_pages {call('move_pages', CONTEXT['host_process'], 0, 0, 0, 0, 0)}",
        lambda: f"kcmp {call('kcmp', 1, CONTEXT['host_process'], 0, 0, 0)}",
    )


@attempt
def take_a_file_of_another_process() -> str | None:
    first = os.pidfd_open(1)
    return f"pidfd_getfd {call('pidfd_getfd', first, 0, 0)}"


@attempt
def see_processes_of_the_host() -> str | None:
    seen = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
    others = [path for path in seen if path.name not in ("1", "self", str(os.getpid()))]
    return all_held(*(lambda path=path: named(path / "environ") for path in others))


def named(file: Path) -> str | None:
    """The file, if it names the process of the host."""
    return f"{file} is the host's" if CONTEXT["marker"].encode() in file.read_bytes() else None


@attempt
def signal_processes_of_the_host() -> str | None:
    """The numbers of the host mean others here, or nobody; the host looks whether its process lives."""

    def reach(process: int) -> str:
        os.kill(process, signal.SIGKILL)
        return f"{process} was signalled"

    return all_held(lambda: reach(CONTEXT["host_process"]), lambda: reach(-CONTEXT["host_process"]))


@attempt
def type_into_the_terminal() -> str | None:
    def type_a_letter(descriptor: int) -> str:
        fcntl.ioctl(descriptor, 0x5412, b"x")  # TIOCSTI
        return "a letter was typed"

    return all_held(
        lambda: type_a_letter(0), lambda: type_a_letter(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    )


@attempt
def hold_files_of_the_host() -> str | None:
    """Descriptors that were left open lead out: a folder is enough."""
    for number, kind, place in descriptors():
        if number > 2 and stat.S_ISDIR(kind) and place != f"/proc/{os.getpid()}/fd":
            return f"descriptor {number} is {place}"
    return None


@attempt
def hold_namespaces_of_others() -> str | None:
    """Whoever gains a right in one that was left open could enter it."""
    for number, _, place in descriptors():
        if place.startswith(("user:[", "mnt:[", "net:[", "pid:[")):
            return f"descriptor {number} is {place}"
    return None


def descriptors() -> list[tuple[int, int, str]]:
    """What this process has open: number, kind of file, place."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append((int(name), os.fstat(int(name)).st_mode, os.readlink(f"/proc/self/fd/{name}")))
    return found


@attempt
def climb_from_the_working_folder() -> str | None:
    ways = ("/proc/self/cwd/", "/proc/1/cwd/", "/proc/1/root/", "/proc/self/root/", "./", "/")
    return all_held(*(lambda way=way: read_host_file(way + "../" * 40) for way in ways))


def read_host_file(before: str) -> str | None:
    text = Path(before + CONTEXT["host_file"].lstrip("/")).read_text()
    return f"{CONTEXT['host_file']} holds {text}"


@attempt
def overwrite_the_runtime_itself() -> str | None:
    """The way of CVE-2019-5736: the program of a process that entered from outside."""
    for process in ("1", "self", str(os.getppid())):
        target = os.path.realpath(f"/proc/{process}/exe")
        if target.startswith(("/usr/bin/crun", "/usr/sbin/runc", "/usr/bin/bwrap", "/.golem-pause")):
            try:
                with open(f"/proc/{process}/exe", "r+b") as file:
                    file.write(b"#!")
            except OSError:
                continue
            return f"{target} was overwritten"
    return None


# -- limits that a process sets itself -----------------------------------------------------------------------


@attempt
def raise_resource_limits() -> str | None:
    import resource

    def raised(what: int) -> str | None:
        _, hard = resource.getrlimit(what)
        if hard == resource.RLIM_INFINITY:
            return None
        try:
            resource.setrlimit(what, (hard + 1, hard + 1))
        except ValueError:
            return None
        return f"limit {what} was raised above {hard}"

    names = (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)
    return all_held(*(lambda what=what: raised(what) for what in (*names, resource.RLIMIT_NPROC)))


@attempt
def take_the_processors_from_others() -> str | None:
    def hurry() -> str:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        return "priority -20"

    def never_wait() -> str:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
        return "real-time"

    return all_held(hurry, never_wait)


@attempt
def lock_more_memory_than_granted() -> str | None:
    area = mmap.mmap(-1, CONTEXT["memory_bytes"] * 2)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    checked(libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(len(area))))
    return "twice the memory is locked"

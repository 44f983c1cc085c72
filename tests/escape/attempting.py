"""How an attempt is made: registered by name, tried by a process of its own, told by what came through."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable

ATTEMPT_TIMEOUT_S = 20
SYSTEM_CALLS = {  # name: number on x86-64, on arm64
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capset": (126, 91),
    "chroot": (161, 51),
    "clock_settime": (227, 112),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mount_setattr": (442, 442),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "settimeofday": (164, 170),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
NEW_NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "hostname": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "network": 0x40000000,
}
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE = 1, 32, 4096, 8192
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
HARMLESS_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
CONTEXT: dict = {}

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = libc.ptrace.restype = ctypes.c_long
ATTEMPTS: dict[str, Callable[[], str | None]] = {}


def attempt(way: Callable[[], str | None]) -> Callable[[], str | None]:
    """A way out; what it returns has come through, and an OSError says that the wall held."""
    ATTEMPTS[way.__name__] = way
    return way


def call(name: str, *arguments: object) -> int:
    """The system call by its number. Raises OSError."""
    number = SYSTEM_CALLS[name][platform.machine() != "x86_64"]
    return checked(libc.syscall(ctypes.c_long(number), *map(plain, arguments)))


def plain(argument: object) -> object:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def mounted(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> str:
    arguments = [text.encode() for text in (source, target, kind)]
    checked(libc.mount(*arguments, ctypes.c_ulong(flags), data.encode()))
    return f"{kind or source} is mounted on {target}"


def all_held(*ways: Callable[[], str | None]) -> str | None:
    """What came through by any of the ways."""
    through = []
    for way in ways:
        try:
            through.append(way())
        except OSError:
            continue
    return "; ".join(filter(None, through)) or None


def written(path: str, text: str) -> str:
    """Write to a file of the kernel, which must not be possible."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return f"{path} was written"


def outcome(way: Callable[[], str | None]) -> str | None:
    """What came through, found by a child that may die of it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(ATTEMPT_TIMEOUT_S)
        os.write(write, (told(way) or "").encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        text = file.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
        return f"the attempt died: {os.waitstatus_to_exitcode(status)}"
    return text or None


def told(way: Callable[[], str | None]) -> str | None:
    try:
        return way()
    except OSError:
        return None
    except Exception:
        return traceback.format_exc()


def main() -> None:
    """Try everything, or what is named behind the context, one after the other."""
    CONTEXT.update(json.loads(sys.argv[1]))
    for name in sys.argv[2:] or ATTEMPTS:
        started = time.monotonic()
        print(json.dumps([name, outcome(ATTEMPTS[name])]), flush=True)
        print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)

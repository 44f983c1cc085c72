"""A process and all that it has started: which they are, and the memory that they use together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
STOP_S, LOOK_S = 0.5, 0.0005
# stopped, stopped by a tracer, a zombie, dead, gone: it starts nothing more
STILL = (["T"], ["t"], ["Z"], ["X"], [])


def family(process: int) -> list[int]:
    """The process and its descendants, as far as they live."""
    found = [process]
    for member in found:
        found += children(member)
    return found


def kill_family(process: int) -> list[int]:
    """Kill the process and its descendants, and say who they are; they may take a moment to end.

    It is stopped first, so that it starts no others meanwhile.
    """
    send_signal(process, signal.SIGSTOP)
    deadline = time.monotonic() + STOP_S
    while _read(process, "stat").rpartition(")")[2].split()[:1] not in STILL and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    members = family(process)
    for member in members:
        send_signal(member, signal.SIGKILL)
    return members


def cpu_of(processes: Iterable[int]) -> float:
    """Seconds of processor time of the processes, and of those children that they have waited for."""
    stats = (_read(process, "stat").rpartition(")")[2].split() for process in processes)
    return sum(int(ticks) for stat in stats for ticks in stat[11:15]) / TICKS_PER_S


def send_signal(process: int, number: signal.Signals) -> None:
    """Nothing happens to one that has ended, or is not ours to signal."""
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        return


def processes_of(text: str) -> list[int]:
    """Processes with ``text`` in their command line."""
    found = [int(name) for name in os.listdir(PROC) if name.isdecimal() and int(name) != os.getpid()]
    return [process for process in found if text in _read(process, "cmdline")]


def children(process: int) -> list[int]:
    """The processes whose parent it is."""
    try:
        threads = os.listdir(f"/proc/{process}/task")
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(process, f"task/{thread}/children").split()]


def memory_of(processes: Iterable[int], limit: int) -> int:
    """Bytes of memory that the processes use.

    What they share counts for each of them as long as the sum is below ``limit``: looking closer takes time.
    """
    members = list(processes)
    rough = sum(_resident(member) for member in members)
    return rough if rough <= limit else sum(_share(member) for member in members)


def _resident(process: int) -> int:
    fields = _read(process, "statm").split()
    return int(fields[1]) * PAGE_BYTES if len(fields) > 1 else 0


def _share(process: int) -> int:
    """Its proportional part of what it shares; all of it where the kernel does not tell."""
    for line in _read(process, "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(process)


def threads_of_user(user: int) -> int:
    """How many threads the user has on this machine, in all."""
    with os.scandir(PROC) as found:
        return sum(_threads(entry.name) for entry in found if entry.name.isdecimal() and _is_of(entry, user))


def _is_of(entry: os.DirEntry[str], user: int) -> bool:
    try:
        return entry.stat().st_uid == user
    except OSError:
        return False


def _threads(process: str) -> int:
    fields = _read(process, "stat").rpartition(")")[2].split()
    return int(fields[17]) if len(fields) > 17 else 0


def _read(process: int | str, name: str) -> str:
    """A file about a process; empty when the process has ended."""
    try:
        with open(f"/proc/{process}/{name}", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""

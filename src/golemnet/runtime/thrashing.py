"""A group that is out of memory though the kernel does not say so, and what is done about it.

When all that a container may use is taken by its data, the kernel still finds memory: the pages of the
programs that run, which have to be read again at their next step. Then nothing gets on, for minutes, and the
machine reads and unpacks the same pages without an end. So who gets nowhere for some seconds is ended, as the
kernel would have done: the process that has the most.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from golemnet.runtime import cgroups
from golemnet.runtime.families import send_signal

LOOK_S = 1.0
LOOKS = 5
"""So often one after the other it has to look like that."""
FULL = 0.95
FAULTS = 10
"""So often, from look to look, a program had to wait for its next step. Fewer may be the start of one."""
TURNS = 4
"""So often all pages of files had to be read again, from look to look."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

log = logging.getLogger(__name__)


class Memory(msgspec.Struct, frozen=True):
    """What a group has: bytes of data and of pages of files, and counts of what was read again."""

    data_bytes: int
    file_bytes: int
    refaulted_pages: int
    major_faults: int


class Thrashing:
    """Tells from looks at regular times whether a group gets nowhere. No I/O."""

    def __init__(self, limit_bytes: int) -> None:
        self._full_bytes = FULL * limit_bytes
        self._before: Memory | None = None
        self._looks = 0

    def look(self, now: Memory) -> bool:
        """Whether it does, going by the last looks; if so, the next looks begin anew."""
        before, self._before = self._before, now
        gets_nowhere = before is not None and self._gets_nowhere(before, now)
        self._looks = self._looks + 1 if gets_nowhere else 0
        if self._looks < LOOKS:
            return False
        self._looks = 0
        return True

    def _gets_nowhere(self, before: Memory, now: Memory) -> bool:
        read_again = (now.refaulted_pages - before.refaulted_pages) * PAGE_BYTES
        has_turned = read_again > TURNS * max(now.file_bytes, PAGE_BYTES)
        waits = now.major_faults - before.major_faults >= FAULTS
        return now.data_bytes >= self._full_bytes and has_turned and waits


async def watch(container: str, limit_bytes: int, is_busy: Callable[[], bool]) -> None:
    """Look at a container's group while it is busy; end the process that has the most if it gets nowhere."""
    thrashing = Thrashing(limit_bytes)
    while is_busy():
        memory = read_memory(container)
        if memory is not None and thrashing.look(memory):
            end_largest(cgroups.members(container))
        await asyncio.sleep(LOOK_S)


def read_memory(container: str, root: Path = cgroups.ROOT) -> Memory | None:
    """What the group of a container has; None if it has ended."""
    folder = cgroups.memory_group(container, root)
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return None
    counts = {name: int(value) for name, value in (line.split() for line in lines)}
    return Memory(
        # the one is the name of version 2, the other that of version 1
        counts.get("anon", counts.get("rss", 0)),
        counts.get("file", counts.get("cache", 0)),
        counts.get("workingset_refault_file", 0),
        counts.get("pgmajfault", 0),
    )


def end_largest(processes: Sequence[int]) -> None:
    """Kill the one of them that has the most data in memory."""
    largest = max(processes, key=_data_pages, default=None)
    if largest is None or not _data_pages(largest):
        return
    log.warning("payload_ended why=it is out of memory and gets nowhere process=%d", largest)
    send_signal(largest, signal.SIGKILL)


def _data_pages(process: int) -> int:
    """Resident pages without those of files; 0 of one that has ended."""
    try:
        _, resident, of_files, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return int(resident) - int(of_files)

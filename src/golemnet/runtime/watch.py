"""Limits without control groups: somebody looks, and ends what uses too much.

Between two looks a payload can use more than it is granted; what bounds it then are the limits of each
process and of the number of processes. The disk is looked at less often the longer a look takes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from golemnet.runtime.disk_use import DiskUse, Hidden, disk_use, unlock
from golemnet.runtime.driver import Limits
from golemnet.runtime.families import family, memory_of

LOOK_S = 0.05
DISK_SHARE = 0.2
"""The part of the time that may go to counting files."""
LITTLE_BYTES = 4 * 1024**2
"""What a command may add that removes what another has written too much."""
SLACK_BYTES = 1024**3
"""Beyond the limit by this much, nothing is run any more: each run could add to it until the next look."""

log = logging.getLogger(__name__)


class Watch:
    """Looks at the processes and the folders of one activity.

    Args:
        limits: what is granted.
        folders: where the payload writes.
    """

    def __init__(self, limits: Limits, folders: Sequence[Path]) -> None:
        self._limits = limits
        self._folders = folders
        self._at_first = DiskUse()
        self._tolerated = limits.storage_bytes
        self._next_count = 0.0
        self.memory_peak_bytes = 0
        self.storage_peak_bytes = 0

    def begin(self) -> None:
        """Count what is there before the payload begins; it blocks."""
        for folder in self._folders:
            unlock(folder)
        self._at_first = disk_use(*self._folders)

    def room(self) -> int:
        """How many bytes may still be written; it blocks."""
        return max(0, self._limits.storage_bytes - self._written())

    @property
    def is_spoiled(self) -> bool:
        """Whether so much was written that nothing may run any more."""
        return self._tolerated > self._limits.storage_bytes + SLACK_BYTES

    def _written(self) -> int:
        """Bytes, and more than any limit if they cannot be counted."""
        try:
            written = disk_use(*self._folders).beyond(self._at_first)
        except Hidden:
            return 2 * (self._limits.storage_bytes + SLACK_BYTES)
        self.storage_peak_bytes = max(self.storage_peak_bytes, min(written, self._limits.storage_bytes))
        return written

    async def run(self, processes: Callable[[], Sequence[int]], end: Callable[[], Awaitable[None]]) -> None:
        """Look for as long as there are ``processes``; ``end`` ends all of them."""
        while leaders := processes():
            excess = await asyncio.to_thread(self._excess, leaders)
            if excess:
                log.warning("payload_ended why=%s", excess)
                await end()
            await asyncio.sleep(LOOK_S)

    def _excess(self, leaders: Sequence[int]) -> str:
        """What is too much; empty if nothing is."""
        members = [member for leader in leaders for member in family(leader)]
        memory = memory_of(members, self._limits.memory_bytes)
        self.memory_peak_bytes = max(self.memory_peak_bytes, memory)
        if memory > self._limits.memory_bytes:
            return f"{memory} bytes of memory"
        return self._excess_on_disk()

    def _excess_on_disk(self) -> str:
        """What was written too much may be removed again by the next command, but not added to."""
        started = time.monotonic()
        if started < self._next_count:
            return ""
        written = self._written()
        self._next_count = started + (time.monotonic() - started) / DISK_SHARE
        is_more = written > self._tolerated + LITTLE_BYTES
        if is_more or written < self._tolerated:
            self._tolerated = max(self._limits.storage_bytes, written)
        return f"{written} bytes on the disk" if is_more else ""

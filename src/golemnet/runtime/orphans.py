"""Processes that come to us because their own parents ended before them: the first processes of sandboxes.

Without us they would go to the machine's first process, which may leave them as zombies for long, and these
count as processes of the user; nor would we be told what they have used.
"""

from __future__ import annotations

import os

from golemnet.runtime import kernel
from golemnet.runtime.families import children


class Orphans:
    """Adopts them from now on, for the whole process; ``memory_peak_bytes`` is the most that one of them had.

    They are leaders of sessions, as sandboxes are; what this process has started itself is left alone.
    """

    def __init__(self) -> None:
        kernel.adopt_orphans()
        self.memory_peak_bytes = 0

    def bury(self) -> list[int]:
        """Take note of those that have ended; the others."""
        orphans = [child for child in children(os.getpid()) if _leads_a_session(child)]
        return [orphan for orphan in orphans if not self._has_ended(orphan)]

    def _has_ended(self, orphan: int) -> bool:
        try:
            ended, _, used = os.wait4(orphan, os.WNOHANG)
        except ChildProcessError:
            return True
        if ended:
            self.memory_peak_bytes = max(self.memory_peak_bytes, used.ru_maxrss * 1024)
        return ended != 0


def _leads_a_session(child: int) -> bool:
    """Not one that somebody else has waited for since it was listed."""
    try:
        return os.getsid(child) != os.getsid(0)
    except ProcessLookupError:
        return False

"""Stopping what runs in an activity for a while: it keeps memory and files, and uses no processor.

All processes that the ExeUnit has started are stopped by the kernel, whatever isolates them: those of a
container, or the virtual machine itself.
"""

from __future__ import annotations

import os
import signal

from golemnet.runtime.families import family, send_signal


class Stillness:
    """Whether the processes below ``process`` are stopped; by default it is this one."""

    def __init__(self, process: int | None = None) -> None:
        self._process = process or os.getpid()
        self.is_on = False

    def begin(self) -> None:
        """Stop all of them. Those that start others meanwhile are stopped before these, so it ends."""
        self.is_on = True
        stopped: set[int] = set()
        while new := [each for each in self._members() if each not in stopped]:
            for process in new:
                send_signal(process, signal.SIGSTOP)
            stopped.update(new)

    def end(self) -> None:
        """Let them go on: children first, so that no parent sees one that is stopped."""
        if self.is_on:
            for process in reversed(self._members()):
                send_signal(process, signal.SIGCONT)
            self.is_on = False

    def _members(self) -> list[int]:
        return family(self._process)[1:]

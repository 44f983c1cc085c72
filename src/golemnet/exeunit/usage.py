"""Counters for payment, in the order of the agreement's usage vector."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from golemnet.runtime.driver import Usage

DURATION = "golem.usage.duration_sec"
CPU = "golem.usage.cpu_sec"
MEMORY = "golem.usage.gib"
STORAGE = "golem.usage.storage_gib"
GIB = 1024**3


class Meter:
    """Measures from its creation; counters never decrease, even when the runtime forgets.

    Args:
        vector: names of the counters.
        monotonic: seconds that only grow.
    """

    def __init__(self, vector: Sequence[str], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._vector = vector
        self._monotonic = monotonic
        self._began = monotonic()
        self._used = Usage(cpu_sec=0.0, memory_peak_bytes=0)

    def update(self, used: Usage) -> None:
        """Take in what the runtime has measured."""
        self._used = Usage(
            cpu_sec=max(self._used.cpu_sec, used.cpu_sec),
            memory_peak_bytes=max(self._used.memory_peak_bytes, used.memory_peak_bytes),
            storage_peak_bytes=max(self._used.storage_peak_bytes, used.storage_peak_bytes),
        )

    def counters(self) -> list[float]:
        """The counters now; one that is not known here is 0."""
        known = {
            DURATION: self._monotonic() - self._began,
            CPU: self._used.cpu_sec,
            MEMORY: self._used.memory_peak_bytes / GIB,
            STORAGE: self._used.storage_peak_bytes / GIB,
        }
        return [known.get(name, 0.0) for name in self._vector]

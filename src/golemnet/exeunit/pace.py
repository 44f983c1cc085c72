"""How often something may be done: some times at once, and then so often in a second. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """A token bucket, in which tokens may be taken in advance.

    Args:
        at_once: how often without a wait.
        a_second: how often after that.
    """

    def __init__(self, at_once: int, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / a_second
        self._leeway = at_once * self._interval
        self._clock = clock
        self._next = clock() - self._leeway

    def take(self) -> float:
        """Do it once more; the seconds to wait before."""
        now = self._clock()
        self._next = max(self._next, now - self._leeway) + self._interval
        return max(0.0, self._next - now)

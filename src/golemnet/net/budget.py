"""How much of something may be done: so much at once, and so much more in each second."""

from __future__ import annotations

import asyncio


class Budget:
    """Filled up again as time passes.

    Args:
        at_once: the most that it holds.
        a_second: what is added.
    """

    def __init__(self, at_once: float, a_second: float) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left = at_once
        self._at: float | None = None

    def take(self, wanted: int) -> int:
        """How much of ``wanted`` may be done now; it counts as done."""
        now = asyncio.get_running_loop().time()
        passed = 0.0 if self._at is None else now - self._at
        self._left = min(self._left + passed * self._a_second, self._at_once)
        self._at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken

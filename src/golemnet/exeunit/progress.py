"""Progress of a transfer or an image as events, not more often than the script asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

MIN_INTERVAL_S: Final = 0.1
DEFAULT_INTERVAL_S: Final = 1.0
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_interval(text: str | None) -> float:
    """Seconds of a duration like ``300ms`` or ``1m 30s``; the default when it is not understood."""
    parts = _PART.findall(text or "")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return max(MIN_INTERVAL_S, total) if parts else DEFAULT_INTERVAL_S


class ProgressReporter:
    """Called with bytes done and the size; emits when the interval is over, the step is made, or at the end.

    Args:
        emit: takes the body of a progress event.
        interval_s: seconds between events.
        step: bytes between events, or None.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        emit: Callable[[dict[str, Any]], None],
        interval_s: float,
        step: int | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._emit = emit
        self._interval_s = interval_s
        self._step = step
        self._monotonic = monotonic
        self._last_time = monotonic()
        self._last_done = 0

    def __call__(self, done: int, size: int | None) -> None:
        """Take in how far the transfer is."""
        if not self._is_due(done, size):
            return
        self._last_time, self._last_done = self._monotonic(), done
        complete = done == size
        self._emit({"step": [int(complete), 1], "message": None, "progress": [done, size], "unit": "Bytes"})

    def _is_due(self, done: int, size: int | None) -> bool:
        if done == size:
            return True
        if self._step and done - self._last_done >= self._step:
            return True
        return self._monotonic() - self._last_time >= self._interval_s

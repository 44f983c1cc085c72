"""Durations and times as people write them, and how they are shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from golemnet.errors import GolemError
from golemnet.rest.wire import utc

_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_SHOWN_S = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def parse_duration(text: str) -> timedelta:
    """``30min``, ``24h`` or ``7d``. Raises GolemError."""
    found = re.fullmatch(r"(\d{1,6}) ?(s|m|min|h|d)", text.strip())
    if found is None:
        raise GolemError(f"{text[:40]!r} is no duration.", next_step="Write 30min, 24h or 7d.")
    return timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])


def parse_moment(text: str) -> datetime:
    """A date, a time (in UTC unless it says otherwise), or Unix seconds. Raises GolemError."""
    try:
        if text.strip().isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        return utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError) as error:
        raise GolemError(
            f"{text[:40]!r} is no time.", next_step="Write 2027-01-31, 2027-01-31T12:00Z or Unix seconds."
        ) from error


def show_moment(moment: datetime, now: datetime) -> str:
    """``2027-01-31 12:00 UTC (in 7 d)``."""
    seconds = abs((moment - now).total_seconds())
    unit, length = next((each for each in _SHOWN_S if seconds >= each[1]), _SHOWN_S[-1])
    distance = f"{seconds / length:.0f} {unit}"
    relative = f"in {distance}" if moment > now else f"{distance} ago"
    return f"{moment:%Y-%m-%d %H:%M} UTC ({relative})"

"""Which providers have the large files of a call already, from calls before it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from golemnet.sdk.calls import Call

LARGE_BYTES = 1024**2
"""Below this a file is sent sooner than it is thought about."""
MAX_KNOWN = 4096
_Facts = tuple[str, int, int]


class Homes:
    """What was sent where; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[_Facts, set[str]] = {}

    def note(self, call: Call, provider_id: str) -> None:
        """A provider has got the files of ``call``."""
        for facts in _large(call):
            self._known.setdefault(facts, set()).add(provider_id)
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def of(self, call: Call) -> Collection[str]:
        """The providers that have the largest of the files of ``call`` as it is now."""
        if not self._known:
            return ()
        found = [facts for facts in _large(call) if facts in self._known]
        return self._known[max(found, key=_size)] if found else ()


def _large(call: Call) -> list[_Facts]:
    return [facts for path in call.files if (facts := _facts(path)) and _size(facts) >= LARGE_BYTES]


def _facts(path: Path) -> _Facts | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_size, found.st_mtime_ns


def _size(facts: _Facts) -> int:
    return facts[1]

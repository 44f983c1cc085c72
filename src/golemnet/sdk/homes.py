"""Which providers have the large files of a call already, from calls before it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from golemnet.sdk.calls import Call
from golemnet.sdk.identity import FileIdentity, file_identity

LARGE_BYTES = 1024**2
"""Below this a file is sent sooner than it is thought about."""
MAX_KNOWN = 4096


class Homes:
    """What was sent where; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[FileIdentity, set[str]] = {}

    def note(self, call: Call, provider_id: str) -> None:
        """A provider has got the files of ``call``."""
        for file in _large(call):
            self._known.setdefault(file, set()).add(provider_id)
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def of(self, call: Call) -> Collection[str]:
        """The providers that have the largest of the files of ``call`` as it is now."""
        if not self._known:
            return ()
        found = [file for file in _large(call) if file in self._known]
        return self._known[max(found, key=_size)] if found else ()


def _large(call: Call) -> list[FileIdentity]:
    """Those that are still there."""
    found: list[FileIdentity] = []
    for path in call.files:
        with suppress(OSError):
            found.append(file_identity(path))
    return [file for file in found if _size(file) >= LARGE_BYTES]


def _size(file: FileIdentity) -> int:
    return file[1]

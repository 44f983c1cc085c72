"""Which files this node's programs share now, and how to reach each."""

from __future__ import annotations

from typing import Protocol

from golemnet.gftp.messages import READ, WRITE
from golemnet.net.errors import RemoteError

NOT_FOUND = "not-found"
GONE = "gone"
MAX_SHARED = 100_000


class Source(Protocol):
    """A file that a program publishes. Methods raise RemoteError when the program cannot answer."""

    ahead: int
    """How many chunks may be asked for at a time."""

    async def size(self) -> int:
        """Its length in bytes."""
        ...

    async def chunk(self, offset: int, size: int) -> bytes:
        """The bytes there; fewer only at the end."""
        ...


class Sink(Protocol):
    """A place where a program waits for a file. Methods raise RemoteError when it cannot take it."""

    async def put(self, offset: int, content: bytes) -> None:
        """The next bytes."""
        ...

    async def end(self, offset: int, content: bytes, content_hash: str) -> None:
        """The last bytes; the whole is right if with them it has this SHA-256 (hex)."""
        ...


class Sharing:
    """Files by id. The same content may be published by several programs; the latest is asked."""

    def __init__(self) -> None:
        self._sources: dict[str, list[Source]] = {}
        self._sinks: dict[str, list[Sink]] = {}

    def add_source(self, file_id: str, source: Source) -> None:
        """``source`` publishes it. Raises RemoteError when too many files are shared."""
        _add(self._sources, file_id, source)

    def add_sink(self, file_id: str, sink: Sink) -> None:
        """``sink`` waits for it. Raises RemoteError when too many files are shared."""
        _add(self._sinks, file_id, sink)

    def remove(self, file_id: str, place: Source | Sink) -> None:
        """Neither publishes nor waits any more; what is not there is left."""
        _remove(self._sources, file_id, place)
        _remove(self._sinks, file_id, place)

    def source(self, file_id: str) -> Source:
        """Who publishes it. Raises RemoteError ``not-found``."""
        if file_id not in self._sources:
            raise RemoteError(NOT_FOUND, "The node does not share this file (any more).")
        return self._sources[file_id][-1]

    def sink(self, file_id: str) -> Sink:
        """Who waits for it. Raises RemoteError ``not-found``."""
        if file_id not in self._sinks:
            raise RemoteError(NOT_FOUND, "Nobody at the node waits for this file (any more).")
        return self._sinks[file_id][-1]


def add_by_mode(sharing: Sharing, mode: str, file_id: str, place) -> None:  # pyright: ignore
    """Share ``place``, which is both, as a source or as a sink. Raises ValueError."""
    if mode == READ:
        sharing.add_source(file_id, place)
    elif mode == WRITE:
        sharing.add_sink(file_id, place)
    else:
        raise ValueError(f"a file is shared to be read or to be written, not {mode[:20]!r}")


def _add(places: dict, file_id: str, place: Source | Sink) -> None:
    if len(places) >= MAX_SHARED:
        raise RemoteError("busy", f"{MAX_SHARED} files are shared already.")
    places.setdefault(file_id, []).append(place)


def _remove(places: dict, file_id: str, place: Source | Sink) -> None:
    found = places.get(file_id, [])
    if place in found:
        found.remove(place)
    if not found:
        places.pop(file_id, None)

"""The archive that a Linux kernel takes as its first file system: cpio in the form "newc". Pure."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MAGIC: Final = b"070701"
END: Final = "TRAILER!!!"


class Entry(msgspec.Struct, frozen=True):
    """A file, folder or link (its target is ``data``) by its path without a leading slash."""

    path: str
    data: bytes = b""
    mode: int = stat.S_IFREG | 0o755


def folder(path: str) -> Entry:
    """A folder."""
    return Entry(path, mode=stat.S_IFDIR | 0o755)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, target.encode(), stat.S_IFLNK | 0o777)


def archive(entries: Iterable[Entry]) -> bytes:
    """The entries, in their order: folders have to come before what is in them."""
    parts = [part for number, entry in enumerate(entries, 1) for part in _parts(entry, number)]
    return b"".join((*parts, *_parts(Entry(END, mode=0), 0)))


def _parts(entry: Entry, number: int) -> Iterator[bytes]:
    name = entry.path.encode() + b"\0"
    links, device = 1, 0
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), *[device] * 4, len(name), 0)
    yield _padded(MAGIC + b"".join(b"%08X" % field for field in fields) + name)
    yield _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)

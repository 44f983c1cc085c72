"""Keeping a store within its bound: what was not used for longest goes first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Kept(NamedTuple):
    """Something in a store. ``remove`` says whether it is gone; what is in use may stay."""

    used_at: float
    size: int
    remove: Callable[[], bool]


def keep_within(limit_bytes: int, kept: Iterable[Kept]) -> None:
    """Remove things until they have ``limit_bytes`` together. The newest stays in any case."""
    by_age = sorted(kept, key=lambda each: each.used_at)
    used = sum(each.size for each in by_age)
    for each in by_age[:-1]:
        if used <= limit_bytes:
            return
        if each.remove():
            used -= each.size


def files(paths: Iterable[Path]) -> Iterator[Kept]:
    """Of files, which others may remove at the same time; a file's time is that of its last use.

    A file that somebody has open stays usable for him.
    """
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield Kept(status.st_mtime, status.st_size, lambda path=path: _unlink(path))


def mark_used(path: Path) -> None:
    """Note that the file is used now; one that is somebody else's stays as it is."""
    with suppress(PermissionError):
        os.utime(path)


def _unlink(path: Path) -> bool:
    with suppress(PermissionError):
        path.unlink(missing_ok=True)
        return True
    return False

"""Keeping a store of files within its bound: what was not used for longest goes first."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def keep_within(limit_bytes: int, files: Iterable[Path]) -> None:
    """Remove files until they have ``limit_bytes`` together; a file's time is that of its last use.

    The newest stays in any case. A file that somebody has open stays usable for him.
    """
    kept = sorted(_with_time_and_size(files), key=lambda each: each[1])
    used = sum(size for _, _, size in kept)
    for path, _, size in kept[:-1]:
        if used <= limit_bytes:
            return
        path.unlink(missing_ok=True)
        used -= size


def mark_used(path: Path) -> None:
    """Note that the file is used now; one that is somebody else's stays as it is."""
    with suppress(PermissionError):
        os.utime(path)


def _with_time_and_size(files: Iterable[Path]) -> list[tuple[Path, float, int]]:
    """Others may remove files at the same time."""
    found = []
    for path in files:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append((path, status.st_mtime, status.st_size))
    return found

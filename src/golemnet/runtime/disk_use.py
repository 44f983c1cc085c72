"""How much a folder holds, counted file by file, for where no quota can be set."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import msgspec

BLOCK_BYTES = 512
MAX_DEPTH = 400
INODE_BYTES = 4096
"""What each file counts as at least: empty files use up a disk, too."""


class Hidden(Exception):
    """Something cannot be counted: it is too deep, or locked."""


class DiskUse(msgspec.Struct, frozen=True):
    """Bytes on the disk, and the number of files and folders."""

    size: int = 0
    files: int = 0

    def beyond(self, before: DiskUse) -> int:
        """The bytes that were added since ``before``; each file counts for some."""
        return max(self.size - before.size, (self.files - before.files) * INODE_BYTES, 0)


def disk_use(*folders: Path) -> DiskUse:
    """What is in the folders; it blocks. Raises Hidden."""
    size, files = 0, 0
    linked: set[int] = set()
    waiting = [(str(folder), 0) for folder in folders]
    while waiting:
        folder, depth = waiting.pop()
        for name, status in _entries(folder, depth):
            if stat.S_ISDIR(status.st_mode):
                waiting.append((f"{folder}/{name}", depth + 1))
            elif status.st_nlink > 1 and status.st_ino in linked:
                continue
            elif status.st_nlink > 1:
                linked.add(status.st_ino)
            size += status.st_blocks * BLOCK_BYTES
            files += 1
    return DiskUse(size, files)


def _entries(folder: str, depth: int) -> list[tuple[str, os.stat_result]]:
    if depth > MAX_DEPTH:
        raise Hidden(f"folders are nested deeper than {MAX_DEPTH} levels")
    try:
        with os.scandir(folder) as found:
            return [(each.name, status) for each in found if (status := _status(each)) is not None]
    except PermissionError as error:
        raise Hidden("a folder is locked") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Hidden("the names of folders are too long") from error
        return []  # it was removed, or replaced, a moment ago


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def unlock(folder: Path) -> None:
    """Let the owner into every folder; only for trees that no payload can change at the moment."""
    for place, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
                os.chmod(path, stat.S_IMODE(mode) | stat.S_IRWXU)

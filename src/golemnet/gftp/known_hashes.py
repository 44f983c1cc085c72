"""The content names of files that have not changed since they were hashed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import BinaryIO, Final

from golemnet.gftp.content_names import content_name

HASH_BLOCK_BYTES: Final = 1024 * 1024
MAX_KNOWN: Final = 10_000
SETTLED_NS: Final = 2_000_000_000
"""A file that was written just before it was hashed may be written again within one tick of its clock."""

_Facts = tuple[str, int, int, int, int]


class KnownHashes:
    """Hashes a file once, as long as its place, size and time of change stay the same.

    Args:
        algorithm: of ``content_names``.
    """

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._names: dict[_Facts, str] = {}

    def name_of(self, path: Path) -> str:
        """The name of the file's content. Raises OSError."""
        with path.open("rb", buffering=0) as file:
            facts = _facts(path, file)
            name = self._names.get(facts)
            if name is None:
                began = time.time_ns()
                name = self._hashed(file)
                if _facts(path, file) == facts and facts[-1] < began - SETTLED_NS:
                    self._remember(facts, name)
        return name

    def _remember(self, facts: _Facts, name: str) -> None:
        while len(self._names) >= MAX_KNOWN:
            self._names.pop(next(iter(self._names)), None)
        self._names[facts] = name

    def _hashed(self, file: BinaryIO) -> str:
        digest = hashlib.new(self._algorithm)
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
        return content_name(self._algorithm, digest.hexdigest())


def _facts(path: Path, file: BinaryIO) -> _Facts:
    status = os.fstat(file.fileno())
    return str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

"""The folder of one environment, and the lock that says whether its owner lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from golemnet.file_locks import try_lock

MARKER = "golem-runtime.json"
MAX_DEPTH = 5


class Marker(msgspec.Struct, frozen=True):
    """What cleaning up needs to know of a dead environment."""

    driver: str
    container: str


class EnvironmentFolder:
    """A folder with a marker file that stays locked for as long as the process that made it lives.

    The kernel drops the lock with the process, so no id that may be used again has to be trusted.
    """

    def __init__(self, path: Path, marker: Marker) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._lock = os.open(path / MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._lock, msgspec.json.encode(marker))

    def release(self) -> None:
        """Give up the folder; its files are the caller's to remove."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def find_abandoned(state_dir: Path) -> list[tuple[Path, Marker]]:
    """Folders below ``state_dir`` whose owners are dead."""
    markers = [path for depth in range(MAX_DEPTH) for path in state_dir.glob("*/" * depth + MARKER)]
    return [(path.parent, marker) for path in markers if (marker := _read_unowned(path)) is not None]


def _read_unowned(path: Path) -> Marker | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not try_lock(descriptor):
            return None
        return msgspec.json.decode(os.read(descriptor, 64 * 1024), type=Marker)
    except msgspec.DecodeError:
        return Marker(driver="", container="")
    finally:
        os.close(descriptor)

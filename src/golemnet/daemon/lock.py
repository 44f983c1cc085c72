"""One daemon for one data directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.file_locks import try_lock

FILE_NAME = "yagna.lock"


class AlreadyRunning(GolemError):
    """Another daemon uses the data directory."""


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the data directory; the system lets go of it when the process ends in whatever manner.

    Raises:
        AlreadyRunning: another process holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not try_lock(descriptor):
            raise _in_use(data_dir)
        yield
    finally:
        os.close(descriptor)


def _in_use(data_dir: Path) -> AlreadyRunning:
    return AlreadyRunning(
        "yagna is already running.",
        why=f"Another process uses the data directory {data_dir}.",
        next_step="Stop it, or set YAGNA_DATADIR to another directory.",
    )

"""The standard input of this program as a file that can be sent."""

from __future__ import annotations

import select
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from golemnet.errors import GolemError

MAX_BYTES = 1024**3
CHUNK_BYTES = 1024 * 1024
PATIENCE_S = 2.0
# Not listed among what a command has made.
NAME = ".golem-stdin"


@contextmanager
def spooled() -> Iterator[Path | None]:
    """What comes by the standard input, as a file for a while; None if nothing does, or it is a terminal.

    Raises:
        GolemError: it is more than can be sent.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="golem-") as folder:
        path = Path(folder, NAME)
        with path.open("wb") as file:
            size = _copy(sys.stdin.buffer, file)
        yield path if size else None


def _copy(source: BinaryIO, target: BinaryIO) -> int:
    if not select.select([source], [], [], PATIENCE_S)[0]:
        print("waiting for the standard input; `< /dev/null` if there is none", file=sys.stderr, flush=True)
    size = 0
    while chunk := source.read(CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise GolemError(
                f"The standard input is more than {MAX_BYTES // 1024**2} MiB.",
                next_step="Store it in a file, and send that: --file.",
            )
        target.write(chunk)
    return size

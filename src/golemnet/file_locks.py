"""Files that one process holds, or that several share, until they close them or die in whatever manner."""

from __future__ import annotations

import fcntl
from typing import IO


def lock(file: int | IO[bytes] | IO[str]) -> None:
    """Hold an open file as soon as others let go of it, until it is closed. Raises OSError."""
    fcntl.flock(file, fcntl.LOCK_EX)


def try_lock(file: int | IO[bytes] | IO[str], *, shared: bool = False) -> bool:
    """Hold an open file from now on until it is closed; False if others hold it. Raises OSError.

    Args:
        file: it, or its descriptor; whoever inherits that holds the file, too.
        shared: whether others may share it.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""A lock among the ExeUnits of a provider: a file that one of them holds, or that several share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from golemnet.file_locks import try_lock
from golemnet.runtime.errors import RuntimeFailure

TIMEOUT_S: Final = 1800.0
PAUSE_S: Final = 0.05


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[int]:
    """Hold the lock file, alone; the kernel frees it when its holder dies. See ``acquire``."""
    descriptor = await acquire(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def acquire(path: Path, *, shared: bool = False) -> int:
    """A descriptor that holds the lock file until it is closed. RuntimeFailure after half an hour.

    Whoever inherits the descriptor holds the lock, too.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            # no event tells that another process has let go of a lock
            while (descriptor := try_acquire(path, shared=shared)) is None:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_S)
            return descriptor
    except TimeoutError as error:
        raise RuntimeFailure("Another ExeUnit has been fetching the same for too long.") from error


def try_acquire(path: Path, *, shared: bool = False) -> int | None:
    """As ``acquire``, at once; None if others hold it. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        is_locked = try_lock(descriptor, shared=shared)
    except BaseException:
        os.close(descriptor)
        raise
    if is_locked:
        return descriptor
    os.close(descriptor)
    return None

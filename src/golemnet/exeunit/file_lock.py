"""A lock among the ExeUnits of a provider: a file that one of them holds."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from golemnet.exeunit.errors import CommandFailed

TIMEOUT_S: Final = 1800.0
PAUSE_S: Final = 0.05


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock file; the kernel frees it when its holder dies. CommandFailed after half an hour."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _acquire(descriptor)
        yield
    finally:
        os.close(descriptor)


async def _acquire(descriptor: int) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            # no event tells that another process has let go of a lock
            while not _try_lock(descriptor):  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_S)
    except TimeoutError as error:
        raise CommandFailed("Another ExeUnit has been fetching the same for too long.") from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Files that came in, kept by their hash: what many tasks of a requestor need crosses to a provider once.

A requestor finds only what he has sent himself. With one store for all, who knows or guesses the hash of a
stranger's file could have it from here, or learn by the time that it takes that it was here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.room import files, keep_within
from golemnet.gftp.content_names import hash_for, is_named
from golemnet.runtime.file_lock import locked

CHUNK_BYTES: Final = 1024 * 1024
LIMIT_BYTES: Final = 4 * 1024**3
"""What all requestors' files may use together."""
LEAST_BYTES: Final = 64 * 1024
"""Smaller files are not worth a place."""

Content = AsyncIterator[bytes]
Opened = tuple[Content, int | None]
Open = Callable[[], AbstractAsyncContextManager[Opened]]


class FileCache:
    """The files of ``requestor_id`` below ``directory``, which all ExeUnits of a provider share.

    Args:
        directory: holds a folder for each requestor.
        requestor_id: of the agreement.
        limit_bytes: of all together; what was not used for longest goes first. Nothing is kept if it is 0.
    """

    def __init__(self, directory: Path, requestor_id: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self._directory = directory
        self._own = directory / requestor_id
        self._limit_bytes = limit_bytes

    @asynccontextmanager
    async def get(self, name: str, fetch: Open) -> AsyncIterator[Opened]:
        """The file with the ``content_names`` name: from here, or by ``fetch`` and kept.

        While one ExeUnit fetches it, others wait. Whoever reads it to its end has what the name says, or a
        TransferFailed.
        """
        if not self._limit_bytes:
            async with fetch() as (content, size):
                yield _checked(content, name), size
            return
        self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._own / name
        async with locked(self._lock_of(name)):
            kept = _opened(path)
            if kept is None:
                async with fetch() as (content, size):
                    is_small = size is not None and size < LEAST_BYTES
                    checked = _checked(content, name)
                    yield checked if is_small else self._keeping(checked, name), size
                return
        with kept:
            os.utime(kept.fileno())
            async with aclosing(_verified(kept, path)) as content:
                yield content, os.fstat(kept.fileno()).st_size

    def _lock_of(self, name: str) -> Path:
        """One of few, which are never removed: removing a lock is where locks go wrong."""
        return self._own / f".lock-{name[-2:]}"

    async def _keeping(self, content: Content, name: str) -> Content:
        """The content; when all of it has passed, it is kept."""
        with _nameless(self._own) as kept:
            written = 0
            async for chunk in content:
                written += len(chunk)
                if kept is not None and not (written <= self._limit_bytes and _write(kept, chunk)):
                    kept.close()
                    kept = None
                yield chunk
            if kept is not None:
                self._keep(kept, name)

    def _keep(self, file: BinaryIO, name: str) -> None:
        nameless = file.fileno()
        # Python follows the link, as it has to be, only if it is told of a folder, which means nothing here
        os.link(f"/proc/self/fd/{nameless}", self._own / name, src_dir_fd=nameless, follow_symlinks=True)
        keep_within(self._limit_bytes, files(self._directory.glob("*/[!.]*")))


async def _checked(content: Content, name: str) -> Content:
    """The content; at its end it must have been what its name says."""
    found = hash_for(name)
    async for chunk in content:
        found.update(chunk)
        yield chunk
    if not is_named(found, name):
        raise TransferFailed(
            "The file has another hash than was asked for.", why=f"It is {found.hexdigest()}."
        )


def _opened(path: Path) -> BinaryIO | None:
    """The file, which another ExeUnit may be removing; None if it is not there."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


async def _verified(file: BinaryIO, path: Path) -> AsyncGenerator[bytes, None]:
    """What was kept, each chunk hashed while the one before is used; a power cut may have spoilt it."""
    found = hash_for(path.name)
    reading = asyncio.create_task(asyncio.to_thread(_hashed, file, found))
    try:
        while chunk := await reading:
            reading = asyncio.create_task(asyncio.to_thread(_hashed, file, found))
            yield chunk
    finally:
        await asyncio.wait({reading})
    if not is_named(found, path.name):
        with suppress(FileNotFoundError):
            os.unlink(path)
        raise TransferFailed("The provider's copy of the file is broken.", next_step="Send it again.")


def _hashed(file: BinaryIO, found: hashlib._Hash) -> bytes:
    chunk = file.read(CHUNK_BYTES)
    found.update(chunk)
    return chunk


@contextmanager
def _nameless(folder: Path) -> Iterator[BinaryIO | None]:
    """A new file without a name, which is gone when it is closed; None where the disk knows no such files."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        yield None
        return
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        yield file  # type: ignore[misc]


def _write(file: BinaryIO, chunk: bytes) -> bool:
    """Whether there was room for it."""
    view = memoryview(chunk)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError:
        return False
    return True

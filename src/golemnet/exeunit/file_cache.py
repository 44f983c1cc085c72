"""Files that came in, kept by their hash: what many tasks of a requestor need crosses to a provider once.

A requestor finds only what he has sent himself. With one store for all, who knows or guesses the hash of a
stranger's file could have it from here, or learn by the time that it takes that it was here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.file_lock import locked
from golemnet.exeunit.room import keep_within

CHUNK_BYTES: Final = 256 * 1024
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
    async def get(self, digest: str, fetch: Open) -> AsyncIterator[Opened]:
        """The file with the SHA-3 ``digest`` (its length says which): from here, or by ``fetch`` and kept.

        While one ExeUnit fetches it, others wait. What is fetched is kept if it was what the digest says;
        otherwise it is passed on all the same, for the caller to judge.
        """
        if not self._limit_bytes:
            async with fetch() as opened:
                yield opened
            return
        self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._own / digest
        async with locked(self._lock_of(digest)):
            kept = _opened(path)
            if kept is None:
                async with fetch() as (content, size):
                    is_small = size is not None and size < LEAST_BYTES
                    yield content if is_small else self._keeping(content, digest), size
                return
        with kept:
            os.utime(kept.fileno())
            yield _verified(kept, path), os.fstat(kept.fileno()).st_size

    def _lock_of(self, digest: str) -> Path:
        """One of few, which are never removed: removing a lock is where locks go wrong."""
        return self._own / f".lock-{digest[:2]}"

    async def _keeping(self, content: Content, digest: str) -> Content:
        """The content; when all of it has passed and is what it should be, it is kept."""
        with _nameless(self._own) as kept:
            found, written = hash_of(digest), 0
            async for chunk in content:
                found.update(chunk)
                written += len(chunk)
                if kept is not None and not (written <= self._limit_bytes and _write(kept, chunk)):
                    kept.close()
                    kept = None
                yield chunk
            if kept is not None and found.hexdigest() == digest:
                self._keep(kept, digest)

    def _keep(self, file: BinaryIO, digest: str) -> None:
        nameless = file.fileno()
        # Python follows the link, as it has to be, only if it is told of a folder, which means nothing here
        os.link(f"/proc/self/fd/{nameless}", self._own / digest, src_dir_fd=nameless, follow_symlinks=True)
        keep_within(self._limit_bytes, self._directory.glob("*/[0-9a-f]*"))


def hash_of(digest: str) -> hashlib._Hash:
    """A new SHA-3 whose digests are as long as ``digest``."""
    return hashlib.new(f"sha3_{len(digest) * 4}")


def _opened(path: Path) -> BinaryIO | None:
    """The file, which another ExeUnit may be removing; None if it is not there."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


async def _verified(file: BinaryIO, path: Path) -> Content:
    """What was kept; the disk may have lost it in a power cut."""
    found = hash_of(path.name)
    while chunk := file.read(CHUNK_BYTES):
        found.update(chunk)
        yield chunk
    if found.hexdigest() != path.name:
        with suppress(FileNotFoundError):
            os.unlink(path)
        raise TransferFailed("The provider's copy of the file is broken.", next_step="Send it again.")


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

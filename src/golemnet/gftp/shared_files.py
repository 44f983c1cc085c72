"""The files that one program shares: those it publishes, and places for those it waits for.

Everything here blocks on the disk; callers on an event loop use a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.gftp.content_names import SHA3_256, hash_for, is_named
from golemnet.gftp.known_hashes import KnownHashes
from golemnet.gftp.messages import (
    CHUNK_BYTES,
    READ,
    SMALL_BYTES,
    WRITE,
    Ask,
    AskChunk,
    AskSize,
    PutChunk,
    PutEnd,
)

TOKEN_BYTES = 32
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class SharingError(GolemError):
    """A file cannot be shared, read or written."""


class SharedFiles:
    """Answers the daemon's questions about files; ``full`` is a place for which the disk had no room.

    Args:
        algorithm: by which published files are named (``content_names``).
    """

    def __init__(self, algorithm: str = SHA3_256) -> None:
        self._hashes = KnownHashes(algorithm)
        self._published: dict[str, Path] = {}
        self._uses: dict[str, int] = {}
        self._slots: dict[str, _Slot] = {}
        self.full: Path | None = None

    def publish(self, path: Path) -> str:
        """Share the file at ``path``; returns its id, the name of its content. Raises SharingError."""
        try:
            file_id = self._hashes.name_of(path)
        except OSError as error:
            raise SharingError(f"The file {path} cannot be read.", why=f"{error.strerror}.") from error
        self._published[file_id] = path.absolute()
        self._uses[file_id] = self._uses.get(file_id, 0) + 1
        return file_id

    def small_content(self, file_id: str) -> bytes | None:
        """All of a published file, if it is small and still what it was."""
        with suppress(OSError):
            content = _read(self._path(file_id), 0, SMALL_BYTES + 1)
            if len(content) <= SMALL_BYTES and _is_what_it_was(content, file_id):
                return content
        return None

    def receive(self, path: Path) -> str:
        """Wait for a file that will be stored at ``path``; returns the id of the place for it."""
        if not path.absolute().parent.is_dir():
            raise SharingError(f"There is no folder for {path}.")
        file_id = secrets.token_hex(TOKEN_BYTES)
        self._slots[file_id] = _Slot(path.absolute(), file_id)
        return file_id

    def close(self, file_id: str) -> bool | None:
        """Share it once less. True: it is gone; False: it is still shared; None: it never was."""
        if file_id in self._slots:
            self._slots.pop(file_id).discard()
            return True
        if file_id not in self._published:
            return None
        self._uses[file_id] -= 1
        if self._uses[file_id]:
            return False
        del self._published[file_id], self._uses[file_id]
        return True

    def modes(self) -> dict[str, str]:
        """Every shared id, and whether it is read or written."""
        return {**dict.fromkeys(self._published, READ), **dict.fromkeys(self._slots, WRITE)}

    def answer(self, ask: Ask) -> int | bytes | None:
        """Do what the daemon asks. Raises SharingError, also for an id that is not shared."""
        try:
            match ask:
                case AskSize(file_id=file_id):
                    return self._path(file_id).stat().st_size
                case AskChunk(file_id=file_id, offset=offset, size=size):
                    return _read(self._path(file_id), offset, min(size, CHUNK_BYTES))
                case PutChunk(file_id=file_id, offset=offset, content=content):
                    return self._slot(file_id).put(offset, content)
                case PutEnd(file_id=file_id, offset=offset, content=content, content_hash=expected):
                    return self._slot(file_id).finish(offset, content, expected)
        except OSError as error:
            if error.errno in NO_ROOM and ask.file_id in self._slots:
                self.full = self._slots[ask.file_id].target
            raise SharingError("The file cannot be read or written.", why=error.strerror or "") from error

    def discard(self) -> None:
        """Remove what has arrived in part."""
        for slot in self._slots.values():
            slot.discard()

    def _path(self, file_id: str) -> Path:
        if file_id not in self._published:
            raise SharingError("The file is not shared any more.")
        return self._published[file_id]

    def _slot(self, file_id: str) -> _Slot:
        if file_id not in self._slots:
            raise SharingError("Nobody waits for this file any more.")
        return self._slots[file_id]


class _Slot:
    """A file on its way in: beside its target until it is complete and verified."""

    def __init__(self, target: Path, file_id: str) -> None:
        self.target = target
        self._part = target.with_name(f".{target.name[:100]}.{file_id[:8]}.part")
        self._lock = threading.Lock()
        self._written = 0
        self._hash = hashlib.sha256()

    def put(self, offset: int, content: bytes) -> None:
        with self._lock:
            self._append(offset, content)

    def finish(self, offset: int, content: bytes, expected: str) -> None:
        with self._lock:
            self._append(offset, content)
            if self._hash.hexdigest() != expected:
                raise SharingError("The content that arrived is not what was sent.")
            self._part.replace(self.target)
            self._written = 0
            self._hash = hashlib.sha256()

    def discard(self) -> None:
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _append(self, offset: int, content: bytes) -> None:
        if offset == 0:
            self._restart()
        if offset != self._written:
            raise SharingError(f"Bytes from {self._written} on were expected, not from {offset}.")
        with self._part.open("r+b") as file:
            file.seek(offset)
            file.write(content)
        self._hash.update(content)
        self._written += len(content)

    def _restart(self) -> None:
        self._part.write_bytes(b"")
        self._written = 0
        self._hash = hashlib.sha256()


def _is_what_it_was(content: bytes, name: str) -> bool:
    found = hash_for(name)
    found.update(content)
    return is_named(found, name)


def _read(path: Path, offset: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)

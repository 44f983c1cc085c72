"""The daemon's side of a program's file link: binds what the program shares, asks it for content."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from golemnet.daemon.gsb.sharing import GONE, Sharing, add_by_mode
from golemnet.gftp.messages import (
    Ask,
    AskChunk,
    AskSize,
    Bind,
    Bound,
    Done,
    Failed,
    FromDaemon,
    PutChunk,
    PutEnd,
    Unbind,
    encode,
    from_program,
)
from golemnet.gftp.urls import check_file_id
from golemnet.net.errors import RemoteError

ASK_TIMEOUT_S = 30.0
MAX_FILES = 10_000
MAX_KEPT_BYTES = 16 * 1024 * 1024

Send = Callable[[bytes], Awaitable[None]]


class ProgramLink:
    """One program, as long as its WebSocket is open.

    Args:
        sharing: where its files are bound.
        send: writes a frame to the program.
    """

    def __init__(self, sharing: Sharing, send: Send) -> None:
        self._sharing = sharing
        self._send = send
        self._files: dict[str, LinkedFile] = {}
        self._kept_bytes = 0
        self._numbers = count(1)
        self._pending: dict[int, asyncio.Future[int | bytes | None]] = {}

    async def take(self, data: bytes) -> None:
        """A frame of the program. Raises msgspec.DecodeError."""
        match message := from_program(data):
            case Bind():
                await self._bind(message)
            case Unbind(file_id):
                self._unbind(file_id)
            case Done(number, value):
                self._settle(number, value)
            case Failed(number, message):
                self._settle(number, RemoteError(GONE, message))

    async def ask(self, question: Callable[[int], Ask]) -> int | bytes | None:
        """The program's answer. Raises RemoteError when it fails, is gone, or does not answer in time."""
        number = next(self._numbers)
        answer: asyncio.Future[int | bytes | None] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._write(question(number))
                return await answer
        except TimeoutError as error:
            raise RemoteError(GONE, "The program that shares the file does not answer.") from error
        except ConnectionError as error:
            raise RemoteError(GONE, "The program that shares the file is gone.") from error
        finally:
            self._pending.pop(number, None)

    def close(self) -> None:
        """The program is gone, and so are its files."""
        for file_id in list(self._files):
            self._unbind(file_id)
        for number in list(self._pending):
            self._settle(number, RemoteError(GONE, "The program that shares the file is gone."))

    async def _bind(self, wanted: Bind) -> None:
        try:
            if len(self._files) >= MAX_FILES:
                raise ValueError(f"a program shares at most {MAX_FILES} files")
            if wanted.file_id not in self._files:
                file = LinkedFile(self, check_file_id(wanted.file_id), self._room_for(wanted.content))
                add_by_mode(self._sharing, wanted.mode, wanted.file_id, file)
                self._files[wanted.file_id] = file
                self._kept_bytes += len(file.content or b"")
        except (ValueError, RemoteError) as error:
            return await self._write(Failed(wanted.number, str(error)))
        await self._write(Bound(wanted.number))

    def _room_for(self, content: bytes | None) -> bytes | None:
        """``content``, unless the program has sent too much already: it will be asked then."""
        return content if self._kept_bytes + len(content or b"") <= MAX_KEPT_BYTES else None

    def _unbind(self, file_id: str) -> None:
        file = self._files.pop(file_id, None)
        if file is not None:
            self._kept_bytes -= len(file.content or b"")
            self._sharing.remove(file_id, file)

    def _settle(self, number: int, result: int | bytes | RemoteError | None) -> None:
        answer = self._pending.get(number)
        if answer is None or answer.done():
            return
        if isinstance(result, RemoteError):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    async def _write(self, message: FromDaemon) -> None:
        await self._send(encode(message))


class LinkedFile:
    """A ``Source`` or a ``Sink`` at the other end of the link; ``content`` is all of it, if we have that."""

    ahead = 4

    def __init__(self, link: ProgramLink, file_id: str, content: bytes | None) -> None:
        self._link = link
        self._file_id = file_id
        self.content = content

    async def size(self) -> int:
        """See ``Source``."""
        if self.content is not None:
            return len(self.content)
        answer = await self._link.ask(lambda number: AskSize(number, self._file_id))
        if not isinstance(answer, int) or answer < 0:
            raise RemoteError(GONE, "The program does not say how large the file is.")
        return answer

    async def chunk(self, offset: int, size: int) -> bytes:
        """See ``Source``."""
        if self.content is not None:
            return self.content[offset : offset + size]
        answer = await self._link.ask(lambda number: AskChunk(number, self._file_id, offset, size))
        if not isinstance(answer, bytes) or len(answer) > size:
            raise RemoteError(GONE, "The program does not send what was asked for.")
        return answer

    async def put(self, offset: int, content: bytes) -> None:
        """See ``Sink``."""
        await self._link.ask(lambda number: PutChunk(number, self._file_id, offset, content))

    async def end(self, offset: int, content: bytes, content_hash: str) -> None:
        """See ``Sink``."""
        await self._link.ask(lambda number: PutEnd(number, self._file_id, offset, content, content_hash))

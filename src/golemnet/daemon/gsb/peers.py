"""Files between nodes: serving those of our programs, reading and writing those of others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from golemnet.daemon.gsb import messages
from golemnet.daemon.gsb.content import read_ahead, verified
from golemnet.daemon.gsb.messages import PieceReader, ReadFile, WriteFile, exactly, piece
from golemnet.daemon.gsb.sharing import Sharing, Sink
from golemnet.gftp.content_names import is_content_name
from golemnet.gftp.messages import CHUNK_BYTES
from golemnet.model.node_id import NodeId
from golemnet.net.errors import CallTimeout, RemoteError, StreamBroken
from golemnet.net.network import Network, Stream

OPEN_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 60.0
SINK_TIMEOUT_S = 10.0
READ_BYTES = 256 * 1024


class FileServer:
    """Answers other nodes that want our programs' files, or send them some."""

    def __init__(self, network: Network, sharing: Sharing) -> None:
        self._sharing = sharing
        self._writing: WeakKeyDictionary[Sink, asyncio.Lock] = WeakKeyDictionary()
        network.handle_stream(messages.READ, self._read)
        network.handle_stream(messages.WRITE, self._write)

    async def _read(self, _caller: NodeId, header: bytes, stream: Stream) -> None:
        wanted = messages.decode(header, ReadFile)
        source = self._sharing.source(wanted.file_id)
        size = await source.size()
        if not 0 <= wanted.offset <= size:
            raise RemoteError("out-of-range", f"The file has {size} bytes.")
        head = size.to_bytes(messages.SIZE_BYTES, "big")
        async for chunk in read_ahead(source, wanted.offset, size):
            async with asyncio.timeout(STALL_TIMEOUT_S):
                await stream.write(head + chunk if head else chunk)
            head = b""
        if head:
            await stream.write(head)

    async def _write(self, _caller: NodeId, header: bytes, stream: Stream) -> None:
        sink = self._sharing.sink(messages.decode(header, WriteFile).file_id)
        lock = self._writing.setdefault(sink, asyncio.Lock())
        try:
            async with asyncio.timeout(SINK_TIMEOUT_S):
                await lock.acquire()
        except TimeoutError as error:
            raise RemoteError("busy", "Another node is sending this file.") from error
        try:
            await _store(PieceReader(stream), sink)
        finally:
            lock.release()


async def _store(pieces: PieceReader, sink: Sink) -> None:
    """Each piece is stored while the next one comes; the sink refuses what is not what was sent."""
    offset, last = 0, b""
    storing = asyncio.create_task(asyncio.sleep(0))
    try:
        while content := await _in_time(pieces.next()):
            await storing
            if last:
                storing = asyncio.create_task(sink.put(offset, last))
            offset, last = offset + len(last), content
        content_hash = await _in_time(pieces.content_hash())
        await storing
    finally:
        storing.cancel()
        await asyncio.wait({storing})
    await sink.end(offset, last, content_hash)


class RemoteFiles:
    """The files of other nodes, and of this one."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @asynccontextmanager
    async def open(
        self, node: NodeId, file_id: str, offset: int = 0, *, is_checked: bool = True
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """The size of a file and its content from ``offset`` on.

        A file that is named by its hash is checked when it is read as a whole, unless the reader does it: the
        last chunk does not come unless all of it is right.

        Raises:
            NetError: the node or the file cannot be reached; also while reading.
        """
        header = messages.encode(ReadFile(file_id, offset))
        stream = await self._network.open_stream(node, messages.READ, header, timeout_s=OPEN_TIMEOUT_S)
        try:
            size = int.from_bytes(await _in_time(exactly(stream, messages.SIZE_BYTES)), "big")
            content = _received(stream, size - offset)
            to_check = is_checked and offset == 0 and is_content_name(file_id)
            yield size, verified(content, file_id) if to_check else content
        finally:
            await stream.abort()

    async def send(self, node: NodeId, file_id: str, content: AsyncIterator[bytes]) -> None:
        """Send ``content`` to a place where ``node`` waits for a file; returns once it is stored there.

        Raises:
            NetError: the node or the place cannot be reached, or did not take it.
        """
        header = messages.encode(WriteFile(file_id))
        stream = await self._network.open_stream(node, messages.WRITE, header, timeout_s=OPEN_TIMEOUT_S)
        try:
            await _send_content(stream, content)
            await _in_time(_end_of(stream))
        finally:
            await stream.abort()


async def _send_content(stream: Stream, content: AsyncIterator[bytes]) -> None:
    digest = hashlib.sha256()
    held = b""  # the last piece goes out together with the end
    try:
        async for chunk in content:
            digest.update(chunk)
            for start in range(0, len(chunk), CHUNK_BYTES):
                if held:
                    await _in_time(stream.write(held))
                held = piece(chunk[start : start + CHUNK_BYTES])
        await _in_time(stream.write(held + piece(b"") + digest.digest()))
        await stream.finish()
    except StreamBroken:
        # The other side stopped reading: it has said why.
        await _in_time(_end_of(stream))
        raise


async def _received(stream: Stream, size: int) -> AsyncIterator[bytes]:
    left = size
    while left > 0:
        chunk = await _in_time(stream.read(min(READ_BYTES, left)))
        if not chunk:
            raise StreamBroken("The file broke off.")
        left -= len(chunk)
        yield chunk


async def _end_of(stream: Stream) -> None:
    if await stream.read(1):
        raise StreamBroken("The other side does not keep to the protocol.")


async def _in_time(waited):  # pyright: ignore[reportMissingParameterType]
    try:
        async with asyncio.timeout(STALL_TIMEOUT_S):
            return await waited
    except TimeoutError as error:
        raise CallTimeout(f"Nothing moved for {STALL_TIMEOUT_S:g} s.") from error

"""Files between nodes: serving those of our programs, reading and writing those of others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from weakref import WeakKeyDictionary

from golemnet.daemon.gsb import messages
from golemnet.daemon.gsb.content import read_ahead, verified
from golemnet.daemon.gsb.messages import PieceReader, ReadFile, WriteFile, exactly, piece
from golemnet.daemon.gsb.sharing import GONE, Sharing, Sink
from golemnet.gftp.content_names import is_content_name
from golemnet.gftp.messages import CHUNK_BYTES
from golemnet.model.node_id import NodeId
from golemnet.net.errors import CallTimeout, RemoteError, StreamBroken
from golemnet.net.network import Network, Stream

OPEN_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 60.0
SINK_TIMEOUT_S = 10.0
READ_BYTES = 256 * 1024
BULK_BYTES = 1024 * 1024
"""What is larger than this is worth a connection of its own."""


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
        end = size if wanted.at_most is None else min(size, wanted.offset + max(0, wanted.at_most))
        async for chunk in read_ahead(source, wanted.offset, end):
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
        async with self._reading(node, ReadFile(file_id, offset, BULK_BYTES)) as (size, stream):
            content = self._content(node, ReadFile(file_id, offset), size, stream)
            to_check = is_checked and offset == 0 and is_content_name(file_id)
            async with aclosing(content):
                yield size, verified(content, file_id) if to_check else content

    async def send(
        self, node: NodeId, file_id: str, content: AsyncIterator[bytes], size: int | None = None
    ) -> None:
        """Send ``content`` to a place where ``node`` waits for a file; returns once it is stored there.

        Raises:
            NetError: the node or the place cannot be reached, or did not take it.
        """
        is_bulk = size is None or size > BULK_BYTES
        async with self._stream(node, messages.WRITE, WriteFile(file_id), is_bulk=is_bulk) as stream:
            await _send_content(stream, content)
            await _in_time(_end_of(stream))

    async def _content(
        self, node: NodeId, wanted: ReadFile, size: int, stream: Stream
    ) -> AsyncGenerator[bytes, None]:
        """Up to ``BULK_BYTES`` from ``stream``, and the rest from another one."""
        begun = min(size, wanted.offset + BULK_BYTES)
        async for chunk in _received(stream, begun - wanted.offset):
            yield chunk
        if begun == size:
            return
        async with self._reading(node, ReadFile(wanted.file_id, begun), is_bulk=True) as (same_size, rest):
            if same_size != size:
                raise RemoteError(GONE, "The file has changed while it was read.")
            async for chunk in _received(rest, size - begun):
                yield chunk

    @asynccontextmanager
    async def _reading(
        self, node: NodeId, wanted: ReadFile, *, is_bulk: bool = False
    ) -> AsyncIterator[tuple[int, Stream]]:
        """The size of a file, and the stream from which its content can be read."""
        async with self._stream(node, messages.READ, wanted, is_bulk=is_bulk) as stream:
            yield int.from_bytes(await _in_time(exactly(stream, messages.SIZE_BYTES)), "big"), stream

    @asynccontextmanager
    async def _stream(
        self, node: NodeId, method: str, header: ReadFile | WriteFile, *, is_bulk: bool
    ) -> AsyncIterator[Stream]:
        encoded = messages.encode(header)
        stream = await self._network.open_stream(
            node, method, encoded, timeout_s=OPEN_TIMEOUT_S, is_bulk=is_bulk
        )
        try:
            yield stream
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

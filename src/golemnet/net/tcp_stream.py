"""A TLS connection with the face of one of iroh's streams: both directions end, or break, on their own.

Each write is a piece with its length before it (4 bytes); a piece of length 0 ends the direction.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from golemnet.net.errors import StreamBroken

BUFFER_BYTES: Final = 256 * 1024
LENGTH_BYTES: Final = 4
HANDSHAKE_TIMEOUT_S: Final = 5.0
LINGER_S: Final = 10.0


class TcpStream:
    """Both halves of the stream, and the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left = 0
        self._has_ended = False
        self._is_finished = False

    @classmethod
    async def connect(cls, host: str, port: int, context: ssl.SSLContext) -> TcpStream:
        """A connection to a listener. Raises OSError."""
        opened = await asyncio.open_connection(
            host, port, limit=BUFFER_BYTES, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
        )
        return cls(*opened)

    @classmethod
    async def accept(cls, came: socket.socket, context: ssl.SSLContext) -> TcpStream:
        """The listener's end of a connection. Raises OSError."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(BUFFER_BYTES, loop)
        # not what is returned: with uvloop that is the protocol of the TLS below
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, came, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def certificate(self) -> bytes:
        """What the other side has shown (DER)."""
        shown = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown or b""

    def say(self, data: bytes) -> None:
        """Send what comes before the stream."""
        self._writer.write(data)

    async def exactly(self, size: int) -> bytes:
        """So many bytes that come before the stream. Raises StreamBroken."""
        with _broken():
            return await self._reader.readexactly(size)

    def break_off(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    async def linger(self) -> None:
        """Wait until the other side has received everything and ended it, or for a while."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(LINGER_S):
                while await self._reader.read(BUFFER_BYTES):
                    pass

    # -- as a stream of iroh -------------------------------------------------------------------------------

    def send(self) -> TcpStream:
        """The half that is written to."""
        return self

    def recv(self) -> TcpStream:
        """The half that is read from."""
        return self

    async def write_all(self, buf: bytes) -> None:
        """Send a piece, unless it is empty; waits while the other side is slower. Raises StreamBroken."""
        if buf:
            await self._write(buf)

    async def finish(self) -> None:
        """Nothing more will be written. Raises StreamBroken."""
        await self._write(b"")
        self._is_finished = True
        self._close_if_done()

    async def read(self, size_limit: int) -> bytes:
        """Some bytes; none once the other side has finished. Raises StreamBroken."""
        if self._has_ended:
            return b""
        if not self._left:
            self._left = int.from_bytes(await self.exactly(LENGTH_BYTES), "big")
            self._has_ended = not self._left
            self._close_if_done()
        with _broken():
            data = await self._reader.read(min(size_limit, self._left)) if self._left else b""
        if not data and not self._has_ended:
            raise StreamBroken("The connection ended in the middle.")
        self._left -= len(data)
        return data

    async def reset(self, error_code: int) -> None:
        """Give up; the other direction breaks as well."""
        self.break_off()

    async def stop(self, error_code: int) -> None:
        """Read no more; the other direction breaks as well."""
        self.break_off()

    def _close_if_done(self) -> None:
        if self._is_finished and self._has_ended:
            self._writer.close()

    async def _write(self, data: bytes) -> None:
        with _broken():
            self._writer.writelines([len(data).to_bytes(LENGTH_BYTES, "big"), data])
            await self._writer.drain()


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError) as error:
        raise StreamBroken("The connection broke.", why=str(error)) from error

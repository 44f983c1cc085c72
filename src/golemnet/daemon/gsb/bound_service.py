"""A service that a program registered by the bus API, and the calls that it answers on its WebSocket.

A call waits while no WebSocket is open; those that were sent on one that closed fail. A second WebSocket
takes the place of the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from golemnet.daemon.gsb.codecs import Codec
from golemnet.daemon.gsb.sharing import GONE
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError

CALL_TIMEOUT_S = 30.0
MAX_PENDING = 64


class Channel(NamedTuple):
    """An open WebSocket: its encoding, how to write to it, how to close it."""

    codec: Codec
    send: Callable[[bytes], Awaitable[None]]
    close: Callable[[str], Awaitable[None]]


class _Pending(NamedTuple):
    channel: Channel
    answer: asyncio.Future[Any]


class BoundService:
    """One registration.

    Args:
        owner: the identity that registered it.
        address: ``/public/...``.
        components: the calls that it answers.
    """

    def __init__(self, owner: NodeId, address: str, components: frozenset[str]) -> None:
        self.owner = owner
        self.address = address
        self.components = components
        self._channel: Channel | None = None
        self._connected = asyncio.Event()
        self._pending: dict[str, _Pending] = {}

    async def call(self, component: str, payload: Any) -> Any:
        """The program's answer. Raises RemoteError."""
        if component not in self.components:
            raise RemoteError("not-found", f"The service does not answer {component}.")
        if len(self._pending) >= MAX_PENDING:
            raise RemoteError("busy", "The service has too many calls to answer.")
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._connected.wait()
                return await self._ask(component, payload)
        except TimeoutError as error:
            raise RemoteError(GONE, "The program does not answer.") from error
        except ConnectionError as error:
            raise RemoteError(GONE, "The program is gone.") from error

    async def connect(self, channel: Channel) -> None:
        """Calls go to ``channel`` from now on; the one before is closed."""
        before, self._channel = self._channel, channel
        self._connected.set()
        if before is not None:
            self._fail(before, "The program connected anew.")
            await before.close("another connection took over")

    def disconnect(self, channel: Channel) -> None:
        """``channel`` is closed: its calls fail."""
        self._fail(channel, "The program closed the connection.")
        if self._channel is channel:
            self._channel = None
            self._connected.clear()

    async def close(self) -> None:
        """The service is no more; its WebSocket is closed, so that the program can end."""
        channel = self._channel
        if channel is not None:
            self.disconnect(channel)
            await channel.close("")

    def take(self, channel: Channel, data: bytes) -> None:
        """A frame of the program: ``{id, payload}`` or ``{id, error}``. Raises ValueError."""
        message = channel.codec.decode(data)
        if not isinstance(message, dict) or not isinstance(message.get("id"), str):
            raise ValueError("an answer is a map with an id")
        pending = self._pending.get(message["id"])
        if pending is None or pending.answer.done():
            return
        if message.get("error") is not None:
            pending.answer.set_exception(RemoteError(GONE, f"The program failed: {message['error']}"))
        else:
            pending.answer.set_result(message.get("payload"))

    async def _ask(self, component: str, payload: Any) -> Any:
        channel = self._channel
        if channel is None:
            raise ConnectionResetError
        number = secrets.token_hex(8)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = _Pending(channel, answer)
        try:
            await channel.send(
                channel.codec.encode({"id": number, "component": component, "payload": payload})
            )
            return await answer
        finally:
            self._pending.pop(number, None)

    def _fail(self, channel: Channel, why: str) -> None:
        for pending in self._pending.values():
            if pending.channel is channel and not pending.answer.done():
                pending.answer.set_exception(RemoteError(GONE, why))


class ServiceFile:
    """A bound service as a file: the calls are those of published clients, one at a time and in order."""

    # The published client closes its file once it was asked for the last bytes.
    ahead = 1

    def __init__(self, service: BoundService) -> None:
        self._service = service
        self._restart()

    async def size(self) -> int:
        """See ``Source``."""
        answer = await self._service.call("GetMetadata", {})
        size = answer.get("fileSize") if isinstance(answer, dict) else None
        if not isinstance(size, int) or size < 0:
            raise RemoteError(GONE, "The program does not say how large the file is.")
        return size

    async def chunk(self, offset: int, size: int) -> bytes:
        """See ``Source``."""
        answer = await self._service.call("GetChunk", {"offset": offset, "size": size})
        content = _bytes_of(answer.get("content") if isinstance(answer, dict) else None)
        if len(content) > size:
            raise RemoteError(GONE, "The program does not send what was asked for.")
        return content

    async def put(self, offset: int, content: bytes) -> None:
        """See ``Sink``."""
        if offset == 0:
            self._restart()
        self._sent.update(content)
        self._told.update(content)
        await self._service.call("UploadChunk", {"chunk": {"offset": offset, "content": content}})

    async def end(self, offset: int, content: bytes, content_hash: str) -> None:
        """See ``Sink``."""
        if content:
            await self.put(offset, content)
        elif offset == 0:
            self._restart()
        if self._sent.hexdigest() != content_hash:
            raise RemoteError("corrupt", "The content that arrived is not what was sent.")
        await self._service.call("UploadFinished", {"hash": self._told.hexdigest()})

    def _restart(self) -> None:
        """Nodes tell each other the SHA-256 of a file, published clients are told its SHA3-256."""
        self._sent, self._told = hashlib.sha256(), hashlib.sha3_256()


def _bytes_of(content: Any) -> bytes:
    """Bytes, or the list of numbers that some encoders make of them. Raises RemoteError."""
    if isinstance(content, bytes):
        return content
    try:
        return bytes(content)
    except (TypeError, ValueError) as error:
        raise RemoteError(GONE, "The program does not send bytes.") from error

"""What the services of a node know of the network: other nodes, by id, asked by the name of a method.

A call is one request and one answer, both small. A stream carries bytes of any length both ways. The caller
that a handler is given is authenticated: only the holder of that node's key can have sent the message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import msgspec

from golemnet.model.node_id import NodeId
from golemnet.net.traffic import Traffic

MAX_BODY_BYTES = 4 * 1024 * 1024
"""The largest body of a call or an answer, and the largest header of a stream."""

CallHandler = Callable[[NodeId, bytes], Awaitable[bytes]]


class Stream(Protocol):
    """Bytes in both directions, in order, with back-pressure."""

    async def read(self, max_bytes: int) -> bytes:
        """Up to ``max_bytes``; ``b""`` once the other side has finished.

        Raises:
            RemoteError: the handler refused.
            StreamBroken: the other side gave up, or the session broke.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send ``data``; waits while the other side reads slower. Raises StreamBroken."""
        ...

    async def finish(self) -> None:
        """Nothing more will be written; what was is still delivered."""
        ...

    async def abort(self) -> None:
        """Give up both directions at once; the other side sees a StreamBroken. Never raises."""
        ...


StreamHandler = Callable[[NodeId, bytes, Stream], Awaitable[None]]


class Link(msgspec.Struct, frozen=True):
    """A session with a node, as it is at a moment; messages and bytes since it came up.

    Attributes:
        address: ``ip:port``, or the URL of the relay that everything goes by.
        round_trip_ms: as the transport estimates it; None before it knows.
        is_ours: whether this node opened it.
    """

    node: NodeId
    address: str
    is_relayed: bool
    is_ours: bool
    since: datetime
    round_trip_ms: float | None
    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int


class Network(Protocol):
    """One node's view of all others."""

    node_id: NodeId
    traffic: Traffic

    def handle(self, method: str, handler: CallHandler) -> None:
        """Answer calls of ``method`` by ``handler``; one handler a method."""
        ...

    async def call(self, node: NodeId, method: str, body: bytes, *, timeout_s: float) -> bytes:
        """The answer of ``node``.

        Raises:
            Unreachable: there is no way to the node, or the session broke before the answer.
            CallTimeout: no answer within ``timeout_s``.
            RemoteError: the node answered with an error.
        """
        ...

    def handle_stream(self, method: str, handler: StreamHandler) -> None:
        """Serve streams of ``method`` by ``handler``; what it leaves open when it returns is finished."""
        ...

    async def open_stream(
        self, node: NodeId, method: str, header: bytes, *, timeout_s: float, is_bulk: bool = False
    ) -> Stream:
        """A stream to ``node``. A refusal of the handler shows at the first ``read``.

        For megabytes (``is_bulk``) it may be worth a connection of its own.

        Raises:
            Unreachable: there is no way to the node.
            CallTimeout: it could not be opened within ``timeout_s``.
        """
        ...

    def neighbours(self) -> list[NodeId]:
        """The nodes that a session is open with."""
        ...

    def links(self) -> list[Link]:
        """The sessions that are open; there may be several with one node."""
        ...

    async def ping(self, node: NodeId, *, timeout_s: float) -> float:
        """Milliseconds to ``node`` and back. Raises Unreachable or CallTimeout."""
        ...

    def on_neighbour(self, callback: Callable[[NodeId], None]) -> None:
        """Call ``callback`` whenever a session with a node comes up."""
        ...

    async def run(self, ready: asyncio.Event) -> None:
        """Take part in the network until cancelled; ``ready`` is set once others can reach this node."""
        ...

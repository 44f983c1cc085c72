"""Who is on the other side of a connection: a signed record must name the key that the connection proved."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from iroh import Connection, Endpoint, Incoming

from golemnet.model.node_id import NodeId
from golemnet.net.control import Control
from golemnet.net.errors import StreamBroken, Unreachable
from golemnet.net.frames import Hello, encode
from golemnet.net.handlers import MAX_STREAMS_OF_PEER
from golemnet.net.iroh_binding import ALPN, BINDING_ERRORS, endpoint_address, reason_of
from golemnet.net.records import read_record

DIAL_TIMEOUT_S = 2.0
GREETING_TIMEOUT_S = 5.0


class Greeted(msgspec.Struct, frozen=True):
    """A connection whose other side is known."""

    connection: Connection
    control: Control
    peer: NodeId
    hello: Hello


async def dial(
    endpoint: Endpoint, endpoint_id: bytes, addresses: list[str], own: Hello, now: datetime
) -> Greeted:
    """Connect to the endpoint and greet. Raises Unreachable."""
    connection: Connection | None = None
    try:
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            connection = await endpoint.connect(endpoint_address(endpoint_id, addresses), ALPN)
            return await _greet(connection, own, now, dialled=True)
    except (*BINDING_ERRORS, StreamBroken, ValueError, TimeoutError) as error:
        _close(connection)
        raise Unreachable("The node cannot be reached.", why=_reason(error)) from error


async def receive(incoming: Incoming, own: Hello, now: datetime) -> Greeted:
    """Take a connection in and greet. Raises Unreachable."""
    connection: Connection | None = None
    try:
        async with asyncio.timeout(GREETING_TIMEOUT_S):
            connection = await (await incoming.accept()).connect()
            return await _greet(connection, own, now, dialled=False)
    except (*BINDING_ERRORS, StreamBroken, ValueError, TimeoutError) as error:
        _close(connection)
        raise Unreachable("A node that connected was not understood.", why=_reason(error)) from error


async def _greet(connection: Connection, own: Hello, now: datetime, *, dialled: bool) -> Greeted:
    connection.set_max_concurrent_bi_streams(MAX_STREAMS_OF_PEER + 1)
    stream = await (connection.open_bi() if dialled else connection.accept_bi())
    await stream.send().write_all(encode(own))
    control = Control(stream)
    hello = await control.reader.next()
    if not isinstance(hello, Hello):
        raise ValueError("the other side does not greet")
    record = read_record(hello.record, now)
    if record.endpoint_key != connection.remote_id().to_bytes():
        raise ValueError("the other side shows the record of another endpoint")
    return Greeted(connection, control, NodeId.parse(record.node_id), hello)


def _close(connection: Connection | None) -> None:
    if connection is not None:
        connection.close(1, b"not understood")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return reason_of(error) if isinstance(error, BINDING_ERRORS) else str(error)

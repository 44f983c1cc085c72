"""Who is on the other side of a connection: a signed record must name the key that the connection proved."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
from iroh import BiStream, Connection, Endpoint, Incoming

from golemnet.model.node_id import NodeId
from golemnet.net.control import Control
from golemnet.net.errors import StreamBroken, Unreachable
from golemnet.net.frames import Hello, encode
from golemnet.net.handlers import MAX_STREAMS_OF_PEER
from golemnet.net.iroh_binding import ALPN, BINDING_ERRORS, endpoint_address, reason_of
from golemnet.net.records import Place, read_record
from golemnet.net.traffic import Traffic

# By a relay that is not ours there are three round trips more.
DIAL_TIMEOUT_S = 4.0
GREETING_TIMEOUT_S = 5.0


class Greeted(msgspec.Struct, frozen=True):
    """A connection whose other side is known."""

    connection: Connection
    control: Control
    peer: NodeId
    hello: Hello


async def dial(endpoint: Endpoint, place: Place, own: Hello, now: datetime, traffic: Traffic) -> Greeted:
    """Connect to the endpoint and greet. Raises Unreachable."""
    connection: Connection | None = None
    try:
        async with asyncio.timeout(DIAL_TIMEOUT_S):
            connection = await endpoint.connect(endpoint_address(place), ALPN)
            stream = await _first_stream(connection, dialled=True)
            return await _greet(connection, stream, own, now, traffic)
    except (*BINDING_ERRORS, StreamBroken, ValueError, TimeoutError) as error:
        _close(connection)
        raise Unreachable("The node cannot be reached.", why=_reason(error)) from error


async def receive(incoming: Incoming, own: Hello, now: datetime, traffic: Traffic) -> Greeted:
    """Take a connection in and greet. Raises Unreachable."""
    connection: Connection | None = None
    try:
        async with asyncio.timeout(GREETING_TIMEOUT_S):
            connection = await (await incoming.accept()).connect()
            stream = await _first_stream(connection, dialled=False)
            seen = msgspec.structs.replace(own, seen_at=_seen_at(connection))
            return await _greet(connection, stream, seen, now, traffic)
    except (*BINDING_ERRORS, StreamBroken, ValueError, TimeoutError) as error:
        _close(connection)
        raise Unreachable("A node that connected was not understood.", why=_reason(error)) from error


async def _first_stream(connection: Connection, *, dialled: bool) -> BiStream:
    connection.set_max_concurrent_bi_streams(MAX_STREAMS_OF_PEER + 1)
    return await (connection.open_bi() if dialled else connection.accept_bi())


async def _greet(
    connection: Connection, stream: BiStream, own: Hello, now: datetime, traffic: Traffic
) -> Greeted:
    await stream.send().write_all(encode(own))
    control = Control(stream, Traffic(traffic))
    hello = await control.reader.next()
    if not isinstance(hello, Hello):
        raise ValueError("the other side does not greet")
    record = read_record(hello.record, now)
    if record.endpoint_key != connection.remote_id().to_bytes():
        raise ValueError("the other side shows the record of another endpoint")
    return Greeted(connection, control, NodeId.parse(record.node_id), hello)


def _seen_at(connection: Connection) -> str:
    """The address by which the other side came; empty if it came by a relay."""
    direct = [path.remote_addr for path in connection.paths() if path.is_ip]
    return direct[0] if direct else ""


def _close(connection: Connection | None) -> None:
    if connection is not None:
        connection.close(1, b"not understood")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return reason_of(error) if isinstance(error, BINDING_ERRORS) else str(error)

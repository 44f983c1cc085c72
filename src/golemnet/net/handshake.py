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
from golemnet.net.iroh_binding import (
    ALPN,
    BINDING_ERRORS,
    endpoint_address,
    loopback_addresses,
    place_of,
    reason_of,
)
from golemnet.net.records import Place, is_private, read_record
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
    everywhere, outside = _ways(place, endpoint)
    try:
        return await _dial(endpoint, everywhere, own, now, traffic)
    except Unreachable as error:
        if outside is None or isinstance(error.__cause__, TimeoutError):
            raise
        # Its private address is that of another machine in our own LAN.
        return await _dial(endpoint, outside, own, now, traffic)


async def _dial(endpoint: Endpoint, place: Place, own: Hello, now: datetime, traffic: Traffic) -> Greeted:
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


def _ways(place: Place, endpoint: Endpoint) -> tuple[Place, Place | None]:
    """All the ways to ``place``, but for those that lead to ourselves; and those that lead out of our LAN.

    Of addresses that are dialled at once, the first to answer counts, and LANs use the same private ones.
    """
    ours = {*place_of(endpoint).addresses, *loopback_addresses(endpoint)}
    addresses = [address for address in place.addresses if address not in ours]
    public = [address for address in addresses if not is_private(address)]
    everywhere = Place(place.endpoint_key, addresses, place.relay)
    if len(public) == len(addresses) or not (public or place.relay):
        return everywhere, None
    return everywhere, Place(place.endpoint_key, public, place.relay)


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

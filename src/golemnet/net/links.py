"""What can be seen of a connection from outside: its path, its round trip, its traffic."""

from __future__ import annotations

from datetime import datetime

from iroh import Connection, PathSnapshot, Side

from golemnet.model.node_id import NodeId
from golemnet.net.network import Link
from golemnet.net.traffic import Traffic, total


def link_of(peer: NodeId, connection: Connection, traffic: Traffic, since: datetime) -> Link:
    """The session with ``peer`` on ``connection``."""
    path = _path(connection.paths())
    sent, received = total(traffic.sent), total(traffic.received)
    return Link(
        node=peer,
        address="" if path is None else path.remote_addr,
        is_relayed=path is not None and path.is_relay,
        is_ours=connection.side() == Side.CLIENT,
        since=since,
        round_trip_ms=None if path is None else float(path.rtt_ms),
        messages_sent=sent.messages,
        messages_received=received.messages,
        bytes_sent=sent.bytes,
        bytes_received=received.bytes,
    )


def _path(paths: list[PathSnapshot]) -> PathSnapshot | None:
    """The path that is used, or else any."""
    return next((path for path in paths if path.is_selected), paths[0] if paths else None)

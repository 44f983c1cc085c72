"""``yagna net``: the node's place in the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import Row, show_json, show_one, show_rows

if TYPE_CHECKING:
    from golemnet.rest.identity import PeerEntry, PingEntry, SessionEntry

app = App(name="net", help="Show the network as this node sees it.")

PEER_COLUMNS = ("node", "path", "address", "rtt [ms]", "since")
SESSION_COLUMNS = (*PEER_COLUMNS, "opened by", "messages sent", "received", "KiB sent", "KiB received")
PING_COLUMNS = ("node", "round trip [ms]", "error")


@app.command
async def status(*, context: Given) -> None:
    """Show the node's addresses, its relay, and its number of sessions.

    The listen address is what another machine names in GOLEM_NET_BOOTSTRAP to join by this node; the public
    address is the one by which nodes outside see it, where an address translator stands between.
    """
    async with context.client() as client:
        node = await client.identity.net_status()
    fields = {
        "nodeId": node.node_id,
        "listenAddress": node.listen_address,
        "publicAddress": node.public_address,
        "relay": node.relay,
        "sessions": node.sessions,
        "bootstrap": node.bootstrap if context.as_json else ", ".join(node.bootstrap),
    }
    show_one(fields, as_json=context.as_json)


@app.command
async def peers(*, context: Given) -> None:
    """List the nodes that this one has a session with, and whether directly or by a relay."""
    async with context.client() as client:
        entries = await client.identity.net_peers()
    _show(entries, [_peer(entry) for entry in entries], PEER_COLUMNS, as_json=context.as_json)


@app.command
async def sessions(*, context: Given) -> None:
    """List the sessions, and what has gone over each since it came up."""
    async with context.client() as client:
        entries = await client.identity.net_sessions()
    _show(entries, [_session(entry) for entry in entries], SESSION_COLUMNS, as_json=context.as_json)


@app.command
async def ping(node: str | None = None, *, context: Given) -> None:
    """Measure the time of a message and its answer; ends with status 1 if one does not answer.

    Args:
        node: a node id; every node with a session if not given.
    """
    async with context.client() as client:
        entries = await client.identity.net_ping(node)
    _show(entries, [_ping(entry) for entry in entries], PING_COLUMNS, as_json=context.as_json)
    if any(entry.error for entry in entries):
        sys.exit(1)


def _show(entries: Sequence[object], rows: list[Row], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        show_json([msgspec.to_builtins(entry) for entry in entries])
    else:
        show_rows(rows, as_json=False, columns=columns)


def _peer(entry: PeerEntry) -> Row:
    values = (entry.node_id, entry.path, entry.address, entry.round_trip_ms, entry.since)
    return dict(zip(PEER_COLUMNS, values, strict=True))


def _session(entry: SessionEntry) -> Row:
    counts = (
        entry.opened_by,
        entry.messages_sent,
        entry.messages_received,
        round(entry.bytes_sent / 1024, 1),
        round(entry.bytes_received / 1024, 1),
    )
    return {**_peer(entry), **dict(zip(SESSION_COLUMNS[len(PEER_COLUMNS) :], counts, strict=True))}


def _ping(entry: PingEntry) -> Row:
    round_trip = None if entry.round_trip_ms is None else round(entry.round_trip_ms, 2)
    return dict(zip(PING_COLUMNS, (entry.node_id, round_trip, entry.error), strict=True))

"""``yagna net``: the node's place in the network."""

from __future__ import annotations

from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import show_one, show_rows

app = App(name="net", help="Show the network as this node sees it.")


@app.command
async def status(*, context: Given) -> None:
    """Show the node's own address and number of sessions.

    The address is what another machine names in GOLEM_NET_BOOTSTRAP to join by this node.
    """
    async with context.client() as client:
        node = await client.identity.net_status()
    fields = {
        "nodeId": node.node_id,
        "listenAddress": node.listen_address,
        "publicAddress": node.public_address,
        "sessions": node.sessions,
        "bootstrap": node.bootstrap if context.as_json else ", ".join(node.bootstrap),
    }
    show_one(fields, as_json=context.as_json)


@app.command
async def peers(*, context: Given) -> None:
    """List the nodes that this one has a session with."""
    async with context.client() as client:
        entries = await client.identity.net_peers()
    rows = [
        {"nodeId": entry.node_id, "address": entry.address, "ping [ms]": entry.round_trip_ms}
        for entry in entries
    ]
    show_rows(rows, as_json=context.as_json, columns=["nodeId", "address", "ping [ms]"])

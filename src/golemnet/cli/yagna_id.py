"""``yagna id``: who this node is."""

from __future__ import annotations

from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import show_one, show_rows

app = App(name="id", help="Show the identity of the node.")


@app.command
async def show(*, context: Given) -> None:
    """Show the default identity."""
    async with context.client() as client:
        entries = await client.identity.list_identities()
    entry = next(each for each in entries if each.is_default)
    fields = {"nodeId": entry.node_id, "alias": entry.alias}
    if context.as_json:
        fields |= {"isDefault": entry.is_default, "isLocked": entry.is_locked}
    show_one(fields, as_json=context.as_json)


@app.command(name="list")
async def list_(*, context: Given) -> None:
    """List the identities."""
    async with context.client() as client:
        entries = await client.identity.list_identities()
    rows = [
        {
            "default": entry.is_default,
            "locked": entry.is_locked,
            "alias": entry.alias,
            "address": entry.node_id,
        }
        for entry in entries
    ]
    show_rows(rows, as_json=context.as_json)

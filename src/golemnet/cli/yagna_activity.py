"""``yagna activity``: what runs, as requestor or provider."""

from __future__ import annotations

from collections import Counter

from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import show_rows

app = App(name="activity", help="Show activities.")


@app.command
async def status(*, context: Given) -> None:
    """Count the activities of this node by their state."""
    async with context.client() as client:
        ids = await client.activity.activity_list()
        states = [await client.activity.get_state(each) for each in ids]
    counted = Counter(state.current for state in states)
    rows = [{"state": state, "activities": number} for state, number in sorted(counted.items())]
    show_rows(rows, as_json=context.as_json, columns=["state", "activities"])

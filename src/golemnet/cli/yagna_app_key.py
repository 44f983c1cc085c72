"""``yagna app-key``: the keys by which programs use the daemon."""

from __future__ import annotations

from decimal import Decimal

from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import show_json, show_rows
from golemnet.rest.identity import AppKey, NewAppKey, SpendingLimit

app = App(name="app-key", help="Manage application keys.")


@app.command
async def create(name: str, *, limit: Decimal | None = None, context: Given) -> None:
    """Print a new application key called NAME, or the one that has this name.

    Args:
        limit: the most GLM that programs with this key may spend in all.
    """
    async with context.client() as client:
        made = await client.identity.create_app_key(NewAppKey(name=name, spending_limit=limit))
    if context.as_json:
        show_json(made.key)
    else:
        print(made.key)


@app.command(name="list")
async def list_(*, context: Given) -> None:
    """List the application keys."""
    async with context.client() as client:
        keys = await client.identity.list_app_keys()
    columns = ["name", "key", "id", "role", "created", "limit", "committed"]
    show_rows([_row(key) for key in keys], as_json=context.as_json, columns=columns)


@app.command(name="limit")
async def limit_(name: str, glm: Decimal | None = None, *, context: Given) -> None:
    """Let programs with the key called NAME spend GLM in all; without an amount, whatever there is."""
    async with context.client() as client:
        await client.identity.limit_app_key(name, SpendingLimit(spending_limit=glm))


@app.command
async def drop(name: str, *, context: Given) -> None:
    """Make the application key called NAME useless."""
    async with context.client() as client:
        await client.identity.drop_app_key(name)


def _row(key: AppKey) -> dict[str, str | Decimal | None]:
    created = key.created.isoformat(timespec="seconds")
    identity = {"name": key.name, "key": key.key, "id": key.id, "role": key.role, "created": created}
    return {**identity, "limit": key.spending_limit, "committed": key.committed}

"""Tables of the identity service: application keys and the alias of the node."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Column, Connection, Table, Text, delete, insert, select, update

from golemnet.database.schema import Amount, Instant, metadata

app_key_table = Table(
    "app_key",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("node_id", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("spending_limit", Amount),
)

identity_table = Table(
    "identity",
    metadata,
    Column("node_id", Text, primary_key=True),
    Column("alias", Text),
)


class StoredAppKey(msgspec.Struct, frozen=True):
    """An application key and the identity that it acts as."""

    name: str
    key: str
    node_id: str
    created: datetime
    spending_limit: Decimal | None = None


def app_keys(connection: Connection) -> list[StoredAppKey]:
    """All application keys in the order of their creation."""
    rows = connection.execute(select(app_key_table).order_by(app_key_table.c.created))
    return [msgspec.convert(row, StoredAppKey, from_attributes=True) for row in rows]


def add_app_key(connection: Connection, key: StoredAppKey) -> StoredAppKey:
    """Store ``key``; the one that has its name already stays and is returned instead."""
    known = [each for each in app_keys(connection) if each.name == key.name]
    if known:
        return known[0]
    connection.execute(insert(app_key_table).values(**msgspec.structs.asdict(key)))
    return key


def replace_app_key(connection: Connection, key: StoredAppKey) -> None:
    """Store ``key`` in place of whatever has its name or its value; the very same key keeps its limit."""
    if any(
        (each.name, each.key, each.node_id) == (key.name, key.key, key.node_id)
        for each in app_keys(connection)
    ):
        return
    same = (app_key_table.c.name == key.name) | (app_key_table.c.key == key.key)
    connection.execute(delete(app_key_table).where(same))
    connection.execute(insert(app_key_table).values(**msgspec.structs.asdict(key)))


def set_limit(connection: Connection, name: str, limit: Decimal | None) -> bool:
    """Let the key called ``name`` spend ``limit`` GLM in all; False if there is none."""
    mine = update(app_key_table).where(app_key_table.c.name == name)
    return connection.execute(mine.values(spending_limit=limit)).rowcount > 0


def drop_app_key(connection: Connection, name: str) -> bool:
    """Forget the key called ``name``; False if there is none."""
    return connection.execute(delete(app_key_table).where(app_key_table.c.name == name)).rowcount > 0


def alias_of(connection: Connection, node_id: str) -> str | None:
    """The alias of ``node_id``; None if it has none."""
    return connection.execute(
        select(identity_table.c.alias).where(identity_table.c.node_id == node_id)
    ).scalar()


def set_alias(connection: Connection, node_id: str, alias: str | None) -> None:
    """Remember ``node_id`` under ``alias``."""
    mine = identity_table.c.node_id == node_id
    if not connection.execute(update(identity_table).where(mine).values(alias=alias)).rowcount:
        connection.execute(insert(identity_table).values(node_id=node_id, alias=alias))

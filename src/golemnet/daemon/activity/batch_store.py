"""Tables of batches and results: what either side of an activity keeps of the scripts that it ran."""

from __future__ import annotations

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from golemnet.daemon.activity.store import Side
from golemnet.database.schema import metadata
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.wire import decode, encode

activity_batch_table = Table(
    "activity_batch",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("activity_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("script", Text, nullable=False),
    Column("commands", Integer, nullable=False),
    Column("finished", Boolean, nullable=False),
    Index("ix_activity_batch_identity", "activity_id", "side", "batch_id", unique=True),
)

activity_result_table = Table(
    "activity_result",
    metadata,
    Column("activity_id", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("batch_id", Text, primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)


class Batch(msgspec.Struct, frozen=True):
    """A script that was sent to an activity; ``commands`` is their number."""

    activity_id: str
    side: Side
    batch_id: str
    script: str
    commands: int
    finished: bool = False


def add_batch(connection: Connection, batch: Batch) -> bool:
    """Store a batch; False if it is known."""
    if find_batch(connection, batch.activity_id, batch.side, batch.batch_id):
        return False
    connection.execute(insert(activity_batch_table).values(**msgspec.structs.asdict(batch)))
    return True


def find_batch(connection: Connection, activity_id: str, side: Side, batch_id: str) -> Batch | None:
    """A batch by its id."""
    chosen = select(activity_batch_table).where(_batch(activity_batch_table, activity_id, side, batch_id))
    row = connection.execute(chosen).one_or_none()
    return None if row is None else msgspec.convert(row, Batch, from_attributes=True)


def unfinished(connection: Connection, activity_id: str, side: Side) -> list[Batch]:
    """The batches of an activity that have not ended, in the order of their arrival."""
    table = activity_batch_table
    mine = and_(table.c.activity_id == activity_id, table.c.side == side, table.c.finished.is_(False))
    rows = connection.execute(select(table).where(mine).order_by(table.c.position))
    return [msgspec.convert(row, Batch, from_attributes=True) for row in rows]


def add_results(
    connection: Connection,
    activity_id: str,
    side: Side,
    batch_id: str,
    results: list[ExeScriptCommandResult],
) -> None:
    """Store ``results``; those that are known already stay as they are."""
    table = activity_result_table
    mine = _batch(table, activity_id, side, batch_id)
    known = set(connection.execute(select(table.c.index).where(mine)).scalars())
    key = {"activity_id": activity_id, "side": side, "batch_id": batch_id}
    for result in results:
        if result.index not in known:
            known.add(result.index)
            connection.execute(insert(table).values(**key, index=result.index, body=encode(result)))
    if any(result.is_batch_finished for result in results):
        finished = _batch(activity_batch_table, activity_id, side, batch_id)
        connection.execute(update(activity_batch_table).where(finished).values(finished=True))


def results_from(
    connection: Connection, activity_id: str, side: Side, batch_id: str, first: int
) -> list[ExeScriptCommandResult]:
    """The results of a batch from index ``first`` on, in order."""
    table = activity_result_table
    mine = _batch(table, activity_id, side, batch_id) & (table.c.index >= first)
    bodies = connection.execute(select(table.c.body).where(mine).order_by(table.c.index)).scalars()
    return [decode(body, ExeScriptCommandResult) for body in bodies]


def _batch(table: Table, activity_id: str, side: Side, batch_id: str) -> ColumnElement[bool]:
    return and_(table.c.activity_id == activity_id, table.c.side == side, table.c.batch_id == batch_id)


def forget(connection: Connection, activity_ids: list[str]) -> None:
    """Drop the batches and results of activities."""
    for table in (activity_result_table, activity_batch_table):
        connection.execute(delete(table).where(table.c.activity_id.in_(activity_ids)))

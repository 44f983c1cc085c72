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
    bindparam,
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


def _key_of(activity_id: str, side: Side, batch_id: str) -> dict[str, str]:
    return {"of_activity": activity_id, "of_side": side, "of_batch": batch_id}


def _is_of_activity(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.activity_id == bindparam("of_activity", type_=Text),
        table.c.side == bindparam("of_side", type_=Text),
    )


def _is_of_batch(table: Table) -> ColumnElement[bool]:
    return _is_of_activity(table) & (table.c.batch_id == bindparam("of_batch", type_=Text))


# Each runs several times for every batch, and building a statement costs more than running it.
_FIND = select(activity_batch_table).where(_is_of_batch(activity_batch_table))
_UNFINISHED = (
    select(activity_batch_table)
    .where(_is_of_activity(activity_batch_table), activity_batch_table.c.finished.is_(False))
    .order_by(activity_batch_table.c.position)
)
_FINISH = update(activity_batch_table).where(_is_of_batch(activity_batch_table)).values(finished=True)
_ADD_BATCH = insert(activity_batch_table)
_ADD_RESULT = insert(activity_result_table)
_KNOWN = select(activity_result_table.c.index).where(_is_of_batch(activity_result_table))
_RESULTS = (
    select(activity_result_table.c.body)
    .where(
        _is_of_batch(activity_result_table),
        activity_result_table.c.index >= bindparam("first", type_=Integer),
    )
    .order_by(activity_result_table.c.index)
)


def add_batch(connection: Connection, batch: Batch) -> bool:
    """Store a batch; False if it is known."""
    if find_batch(connection, batch.activity_id, batch.side, batch.batch_id):
        return False
    connection.execute(_ADD_BATCH, msgspec.structs.asdict(batch))
    return True


def find_batch(connection: Connection, activity_id: str, side: Side, batch_id: str) -> Batch | None:
    """A batch by its id."""
    row = connection.execute(_FIND, _key_of(activity_id, side, batch_id)).one_or_none()
    return None if row is None else msgspec.convert(row, Batch, from_attributes=True)


def unfinished(connection: Connection, activity_id: str, side: Side) -> list[Batch]:
    """The batches of an activity that have not ended, in the order of their arrival."""
    rows = connection.execute(_UNFINISHED, {"of_activity": activity_id, "of_side": side})
    return [msgspec.convert(row, Batch, from_attributes=True) for row in rows]


def add_results(
    connection: Connection,
    activity_id: str,
    side: Side,
    batch_id: str,
    results: list[ExeScriptCommandResult],
) -> None:
    """Store ``results``; those that are known already stay as they are."""
    mine = _key_of(activity_id, side, batch_id)
    known = set(connection.execute(_KNOWN, mine).scalars())
    fresh = {result.index: encode(result) for result in reversed(results) if result.index not in known}
    key = {"activity_id": activity_id, "side": side, "batch_id": batch_id}
    if fresh:
        connection.execute(
            _ADD_RESULT, [{**key, "index": index, "body": fresh[index]} for index in sorted(fresh)]
        )
    if any(result.is_batch_finished for result in results):
        connection.execute(_FINISH, mine)


def results_from(
    connection: Connection, activity_id: str, side: Side, batch_id: str, first: int
) -> list[ExeScriptCommandResult]:
    """The results of a batch from index ``first`` on, in order."""
    key = {**_key_of(activity_id, side, batch_id), "first": first}
    bodies = connection.execute(_RESULTS, key).scalars()
    return [decode(body, ExeScriptCommandResult) for body in bodies]


def forget(connection: Connection, activity_ids: list[str]) -> None:
    """Drop the batches and results of activities."""
    for table in (activity_result_table, activity_batch_table):
        connection.execute(delete(table).where(table.c.activity_id.in_(activity_ids)))

"""Tables of the activity service. The side of each row says in which role this node keeps it.

A node may be both sides of one activity (a local test); then there are two rows of each, and they tell
what each side knows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from golemnet.daemon.activity.states import State
from golemnet.database.schema import Instant, metadata
from golemnet.rest.wire import decode


class Side(StrEnum):
    """In which role this node takes part in an activity."""

    REQUESTOR = "Requestor"
    PROVIDER = "Provider"


activity_table = Table(
    "activity",
    metadata,
    Column("activity_id", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("agreement_id", Text, nullable=False, index=True),
    Column("requestor_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("reason", Text),
    Column("error_message", Text),
    Column("destroying", Boolean, nullable=False),
    Column("counters", LargeBinary),
    Column("counted", Instant),
    Column("created", Instant, nullable=False),
    Column("ended", Instant),
)

activity_event_table = Table(
    "activity_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("activity_id", Text, nullable=False),
    Column("agreement_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False, unique=True),
)


class Activity(msgspec.Struct, frozen=True):
    """An activity as one side knows it; ``destroying`` means that its end was asked for."""

    activity_id: str
    side: Side
    agreement_id: str
    requestor_id: str
    provider_id: str
    state: State
    created: datetime
    ended: datetime | None = None
    reason: str | None = None
    error_message: str | None = None
    destroying: bool = False
    counters: bytes | None = None
    counted: datetime | None = None

    @property
    def usage(self) -> list[float] | None:
        """The last usage counters in the order of the agreement's usage vector."""
        return None if self.counters is None else decode(self.counters, list[float])


class ActivityEvent(msgspec.Struct, frozen=True):
    """What the provider agent is told; ``kind`` is CreateActivity or DestroyActivity."""

    activity_id: str
    agreement_id: str
    kind: str
    at: datetime


# Each runs for every batch, and building a statement costs more than running it.
_IS_THIS = and_(
    activity_table.c.activity_id == bindparam("of_activity", type_=Text),
    activity_table.c.side == bindparam("of_side", type_=Text),
)
_FIND = select(activity_table).where(_IS_THIS)
_CHANGE = update(activity_table).where(_IS_THIS)

# -- activities ----------------------------------------------------------------------------------------------


def add(connection: Connection, activity: Activity) -> bool:
    """Store a new activity; False if there is one of that id and side."""
    if find(connection, activity.activity_id, activity.side):
        return False
    connection.execute(insert(activity_table).values(**msgspec.structs.asdict(activity)))
    return True


def find(connection: Connection, activity_id: str, side: Side) -> Activity | None:
    """The activity as ``side`` knows it."""
    row = connection.execute(_FIND, _key_of(activity_id, side)).one_or_none()
    return None if row is None else _activity(row)


def change(connection: Connection, activity_id: str, side: Side, **values: object) -> None:
    """Set columns of an activity."""
    connection.execute(_CHANGE, {**_key_of(activity_id, side), **values})


def live(connection: Connection, side: Side) -> list[Activity]:
    """The activities that have not ended."""
    mine = (activity_table.c.side == side) & (activity_table.c.state != State.TERMINATED)
    return [_activity(row) for row in connection.execute(select(activity_table).where(mine))]


def of_agreement(connection: Connection, agreement_id: str) -> list[Activity]:
    """All activities under an agreement, both sides, oldest first."""
    mine = activity_table.c.agreement_id == agreement_id
    chosen = select(activity_table).where(mine).order_by(activity_table.c.created)
    return [_activity(row) for row in connection.execute(chosen)]


def ids(connection: Connection, agreement_id: str | None, limit: int) -> list[str]:
    """Ids of the newest activities, of one agreement if it is named."""
    newest = func.max(activity_table.c.created).desc()
    chosen = select(activity_table.c.activity_id).group_by(activity_table.c.activity_id).order_by(newest)
    if agreement_id is not None:
        chosen = chosen.where(activity_table.c.agreement_id == agreement_id)
    return list(connection.execute(chosen.limit(limit)).scalars())


def forget(connection: Connection, before: datetime) -> list[str]:
    """Drop activities that ended and were created ``before``, and old events; the ids of the activities."""
    old = (activity_table.c.state == State.TERMINATED) & (activity_table.c.created < before)
    gone = list(connection.execute(select(activity_table.c.activity_id).where(old)).scalars())
    connection.execute(delete(activity_table).where(old))
    connection.execute(delete(activity_event_table).where(activity_event_table.c.at < before))
    return gone


def _key_of(activity_id: str, side: Side) -> dict[str, str]:
    return {"of_activity": activity_id, "of_side": side}


def _activity(row: object) -> Activity:
    return msgspec.convert(row, Activity, from_attributes=True)


# -- events for the provider agent ---------------------------------------------------------------------------


def add_event(connection: Connection, activity: Activity, kind: str, now: datetime) -> None:
    """Store an event; its time is later than that of all before, for it is the cursor of those who poll."""
    latest = connection.execute(select(func.max(activity_event_table.c.at))).scalar()
    at = now if latest is None else max(now, latest + timedelta(microseconds=1))
    values = {"activity_id": activity.activity_id, "agreement_id": activity.agreement_id}
    connection.execute(insert(activity_event_table).values(**values, kind=kind, at=at))


def events_after(connection: Connection, after: datetime | None, limit: int) -> list[ActivityEvent]:
    """Events strictly later than ``after``, oldest first."""
    chosen = select(activity_event_table).order_by(activity_event_table.c.at).limit(limit)
    if after is not None:
        chosen = chosen.where(activity_event_table.c.at > after)
    return [msgspec.convert(row, ActivityEvent, from_attributes=True) for row in connection.execute(chosen)]

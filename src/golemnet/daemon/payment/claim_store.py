"""Claims and their events in the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, false, func, insert, or_, select, update

from golemnet.daemon.payment.states import Event, State, step
from golemnet.daemon.payment.store import (
    Claim,
    ClaimEvent,
    claim_table,
    event_table,
    record,
    values,
)
from golemnet.rest.errors import NotFound

FAILED = "FAILED"
"""The type of the event that an accepted claim cannot be paid, and the state in which it is shown then."""

_columns = claim_table.c


def find(connection: Connection, claim_id: str) -> Claim | None:
    """The claim; None if it is unknown."""
    row = connection.execute(select(claim_table).where(_columns.id == claim_id)).one_or_none()
    return None if row is None else record(row, Claim)


def get(connection: Connection, kind: str, claim_id: str) -> Claim:
    """The claim of ``kind``. Raises NotFound."""
    claim = find(connection, claim_id)
    if claim is None or claim.kind != kind:
        raise NotFound(f"No such {kind.replace('_', ' ')} here.", id=claim_id)
    return claim


def of_agreement(connection: Connection, agreement_id: str) -> list[Claim]:
    """All claims of an agreement, the oldest first."""
    mine = select(claim_table).where(_columns.agreement_id == agreement_id)
    return [record(row, Claim) for row in connection.execute(mine.order_by(_columns.timestamp))]


def agreements_of_allocation(connection: Connection, allocation_id: str) -> list[str]:
    """The agreements under which something was accepted from an allocation."""
    query = select(_columns.agreement_id).where(_columns.allocation_id == allocation_id).distinct()
    return list(connection.execute(query).scalars())


def all_of(
    connection: Connection, kind: str | None = None, after: datetime | None = None, limit: int | None = None
) -> list[Claim]:
    """The claims of ``kind`` (of any for None) from after a time on, the oldest first."""
    query = select(claim_table).order_by(_columns.timestamp)
    if kind is not None:
        query = query.where(_columns.kind == kind)
    if after is not None:
        query = query.where(_columns.timestamp > after)
    return [record(row, Claim) for row in connection.execute(query.limit(limit))]


def add(connection: Connection, claim: Claim, now: datetime) -> None:
    """Store a new claim; a received one is an event."""
    connection.execute(insert(claim_table).values(**values(claim)))
    if claim.state == State.RECEIVED:
        _add_event(connection, claim, now)


def take_step(
    connection: Connection,
    claim: Claim,
    event: Event,
    now: datetime,
    *,
    rejection: dict[str, Any] | None = None,
    allocation_id: str | None = None,
) -> Claim:
    """Let ``event`` happen to the claim, and note it for those who poll; the claim as it is now.

    Raises:
        IllegalStep: it does not fit the claim's state.
    """
    state = step(State(claim.state), event)
    if state == claim.state:
        return claim
    new = msgspec.structs.replace(
        claim, state=state, rejection=rejection, allocation_id=allocation_id or claim.allocation_id
    )
    changed = {"state": new.state, "rejection": rejection, "allocation_id": new.allocation_id}
    connection.execute(update(claim_table).where(_columns.id == claim.id).values(**changed))
    if event != Event.DELIVERED:
        _add_event(connection, new, now)
    return new


def note_problem(connection: Connection, claim: Claim, problem: str | None, now: datetime) -> None:
    """Note why an accepted claim cannot be paid (None: it can); the first time it is an event."""
    changed = update(claim_table).where(_columns.id == claim.id).values(problem=problem)
    connection.execute(changed)
    if problem is not None and claim.problem is None:
        _add_event(connection, msgspec.structs.replace(claim, problem=problem), now, FAILED)


def events(
    connection: Connection,
    kind: str,
    wanted: Iterable[tuple[str, str]],
    *,
    after: datetime | None,
    limit: int,
    app_session_id: str | None,
) -> list[ClaimEvent]:
    """The first ``limit`` events of ``kind`` after a time, in order; ``wanted`` are (role, type) pairs."""
    columns = event_table.c
    query = select(event_table).where(columns.kind == kind).order_by(columns.date).limit(limit)
    chosen = [(columns.role == role) & (columns.type == type_) for role, type_ in wanted]
    query = query.where(or_(false(), *chosen))
    if after is not None:
        query = query.where(columns.date > after)
    if app_session_id is not None:
        query = query.where(columns.app_session_id == app_session_id)
    return [record(row, ClaimEvent) for row in connection.execute(query)]


def _add_event(connection: Connection, claim: Claim, now: datetime, type_: str | None = None) -> None:
    event = ClaimEvent(
        kind=claim.kind,
        role=claim.role,
        claim_id=claim.id,
        type=type_ or str(claim.state),
        date=_next_date(connection, now),
        app_session_id=claim.app_session_id,
        rejection=claim.rejection,
        problem=claim.problem if type_ == FAILED else None,
    )
    connection.execute(insert(event_table).values(**values(event)))


def _next_date(connection: Connection, now: datetime) -> datetime:
    """``now``, or just after the newest event: clients ask for what is strictly later than the last."""
    newest = connection.execute(select(func.max(event_table.c.date))).scalar()
    return now if newest is None or newest < now else newest + timedelta(microseconds=1)

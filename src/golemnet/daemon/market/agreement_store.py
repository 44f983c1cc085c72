"""Rows of agreements and of the events about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from golemnet.daemon.market.states import FAILED, AgreementState, Role
from golemnet.daemon.market.store import agreement_event_table, agreement_table, fields

WITH_DEADLINE = (AgreementState.PROPOSAL, AgreementState.PENDING)
# In Approving the requestor's node knows whether the deadline was met: it is asked, the clock is not.
UNDECIDED = (*WITH_DEADLINE, AgreementState.APPROVING)


class StoredAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """This node's copy of an agreement.

    ``body`` is the agreement's content as the requestor signed it. The signature columns hold whole signed
    documents (msgpack of ``Signed``), so that they can be sent again. ``reason`` says why it ended.
    """

    agreement_id: str
    role: Role
    state: AgreementState
    proposal_id: str
    body: bytes
    requestor_id: str
    provider_id: str
    valid_to: datetime
    created: datetime
    approved: datetime | None = None
    app_session_id: str | None = None
    proposed_signature: bytes | None = None
    approved_signature: bytes | None = None
    committed_signature: bytes | None = None
    reason: dict[str, Any] | None = None

    @property
    def peer_id(self) -> str:
        """The other side's node."""
        return self.provider_id if self.role is Role.REQUESTOR else self.requestor_id


class AgreementEventKind(StrEnum):
    """What programs learn about agreements; the values are those of the REST API."""

    APPROVED = "AgreementApprovedEvent"
    REJECTED = "AgreementRejectedEvent"
    CANCELLED = "AgreementCancelledEvent"
    TERMINATED = "AgreementTerminatedEvent"


class StoredAgreementEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event about an agreement; no two have the same ``at``, so a program can ask for those after one."""

    agreement_id: str
    kind: AgreementEventKind
    at: datetime
    app_session_id: str | None = None
    terminator: Role | None = None
    signature: str | None = None
    reason: dict[str, Any] | None = None


def add_agreement(connection: Connection, agreement: StoredAgreement) -> None:
    """Store a new agreement."""
    values = msgspec.structs.asdict(agreement)
    values["reason"] = _packed(agreement.reason)
    connection.execute(insert(agreement_table).values(**values))


def save_agreement(connection: Connection, agreement: StoredAgreement) -> None:
    """Store what has changed of an agreement."""
    values = msgspec.structs.asdict(agreement)
    values["reason"] = _packed(agreement.reason)
    mine = agreement_table.c.agreement_id == agreement.agreement_id
    connection.execute(update(agreement_table).where(mine).values(**values))


def find_agreement(connection: Connection, agreement_id: str) -> StoredAgreement | None:
    """The agreement, or None."""
    mine = agreement_table.c.agreement_id == agreement_id
    row = connection.execute(select(agreement_table).where(mine)).first()
    return None if row is None else _agreement(fields(row))


def live_agreement_of(connection: Connection, proposal_id: str) -> StoredAgreement | None:
    """The agreement that was made of a proposal and has not failed, or None."""
    made_of_it = agreement_table.c.proposal_id == proposal_id
    alive = agreement_table.c.state.not_in(FAILED)
    row = connection.execute(select(agreement_table).where(made_of_it & alive)).first()
    return None if row is None else _agreement(fields(row))


def list_agreements(
    connection: Connection,
    *,
    states: list[AgreementState] | None = None,
    before: datetime | None = None,
    after: datetime | None = None,
    app_session_id: str | None = None,
) -> list[StoredAgreement]:
    """The agreements that pass every given filter, in the order of their creation."""
    table = agreement_table.c
    query = select(agreement_table).order_by(table.created)
    if states is not None:
        query = query.where(table.state.in_(states))
    if before is not None:
        query = query.where(table.created < before)
    if after is not None:
        query = query.where(table.created > after)
    if app_session_id is not None:
        query = query.where(table.app_session_id == app_session_id)
    return [_agreement(fields(row)) for row in connection.execute(query)]


def deadlines(connection: Connection) -> list[tuple[str, datetime]]:
    """Id and deadline of every agreement that ends when its deadline passes."""
    waiting = agreement_table.c.state.in_(WITH_DEADLINE)
    query = select(agreement_table.c.agreement_id, agreement_table.c.valid_to).where(waiting)
    return [(row.agreement_id, row.valid_to) for row in connection.execute(query)]


def add_agreement_event(connection: Connection, event: StoredAgreementEvent) -> None:
    """Store an event; its time is moved behind that of the newest one, if need be."""
    values = msgspec.structs.asdict(event)
    newest = connection.execute(select(func.max(agreement_event_table.c.at))).scalar()
    if newest is not None and newest >= event.at:
        values["at"] = newest + timedelta(microseconds=1)
    values["reason"] = _packed(event.reason)
    connection.execute(insert(agreement_event_table).values(**values))


def agreement_events(
    connection: Connection, after: datetime | None, app_session_id: str | None, limit: int
) -> list[StoredAgreementEvent]:
    """The oldest ``limit`` events after an instant, of one session or of all."""
    table = agreement_event_table.c
    query = select(agreement_event_table).order_by(table.at).limit(limit)
    if after is not None:
        query = query.where(table.at > after)
    if app_session_id is not None:
        query = query.where(table.app_session_id == app_session_id)
    return [_event(fields(row)) for row in connection.execute(query)]


def termination(connection: Connection, agreement_id: str) -> StoredAgreementEvent | None:
    """The event of the agreement's termination; None if it was not terminated."""
    table = agreement_event_table.c
    terminated = (table.agreement_id == agreement_id) & (table.kind == AgreementEventKind.TERMINATED)
    row = connection.execute(select(agreement_event_table).where(terminated)).first()
    return None if row is None else _event(fields(row))


def remove_old_agreements(connection: Connection, before: datetime) -> None:
    """Forget agreements and events from before the instant."""
    connection.execute(delete(agreement_event_table).where(agreement_event_table.c.at < before))
    connection.execute(delete(agreement_table).where(agreement_table.c.created < before))


def _agreement(row: Any) -> StoredAgreement:
    return msgspec.convert({**row, "reason": _unpacked(row["reason"])}, StoredAgreement)


def _event(row: Any) -> StoredAgreementEvent:
    return msgspec.convert({**row, "reason": _unpacked(row["reason"])}, StoredAgreementEvent)


def _packed(reason: dict[str, Any] | None) -> bytes | None:
    return None if reason is None else msgspec.msgpack.encode(reason)


def _unpacked(data: bytes | None) -> dict[str, Any] | None:
    return None if data is None else msgspec.msgpack.decode(data)

"""Rows of proposals and of the events that programs take from their subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from golemnet.daemon.market.states import ProposalEvent, ProposalState, Role, step_proposal
from golemnet.daemon.market.store import agreement_table, event_table, fields, proposal_table


class StoredProposal(msgspec.Struct, frozen=True, kw_only=True):
    """This node's copy of a proposal; ``role`` is this node's side, ``issuer`` the side that made it."""

    proposal_id: str
    subscription_id: str
    role: Role
    state: ProposalState
    offer_id: str
    demand_id: str
    requestor_id: str
    provider_id: str
    issuer: Role
    previous: str | None
    properties: dict[str, Any]
    constraints: str
    created: datetime

    @property
    def issuer_id(self) -> str:
        """The node that made it."""
        return self.requestor_id if self.issuer is Role.REQUESTOR else self.provider_id

    @property
    def peer_id(self) -> str:
        """The other node of the negotiation."""
        return self.provider_id if self.role is Role.REQUESTOR else self.requestor_id

    @property
    def is_own(self) -> bool:
        """Whether this node made it."""
        return self.issuer is self.role


class EventKind(StrEnum):
    """What a program learns about its subscription; the values are those of the REST API."""

    PROPOSAL = "ProposalEvent"
    PROPOSAL_REJECTED = "ProposalRejectedEvent"
    AGREEMENT = "AgreementEvent"


class StoredEvent(msgspec.Struct, frozen=True):
    """An event of a subscription; ``about`` is the id of a proposal or an agreement."""

    subscription_id: str
    kind: EventKind
    about: str
    at: datetime
    reason: dict[str, Any] | None = None


def add_proposal(connection: Connection, proposal: StoredProposal) -> None:
    """Store a new proposal."""
    values = msgspec.structs.asdict(proposal)
    values["properties"] = msgspec.msgpack.encode(proposal.properties)
    connection.execute(insert(proposal_table).values(**values))


def find_proposal(connection: Connection, proposal_id: str) -> StoredProposal | None:
    """The proposal, or None."""
    row = connection.execute(
        select(proposal_table).where(proposal_table.c.proposal_id == proposal_id)
    ).first()
    return None if row is None else _proposal(fields(row))


def _proposal(row: Any) -> StoredProposal:
    values = {**row, "properties": msgspec.msgpack.decode(row["properties"])}
    return msgspec.convert(values, StoredProposal)


def move_proposal(connection: Connection, proposal: StoredProposal, event: ProposalEvent) -> None:
    """Store what ``event`` makes of ``proposal``; an event that does not fit is an error."""
    state = step_proposal(proposal.state, event)
    mine = proposal_table.c.proposal_id == proposal.proposal_id
    connection.execute(update(proposal_table).where(mine).values(state=state))


def offers_announced(connection: Connection, demand_id: str) -> set[str]:
    """The offers for which the program behind ``demand_id`` has an initial proposal already."""
    mine = (proposal_table.c.subscription_id == demand_id) & proposal_table.c.previous.is_(None)
    return set(connection.execute(select(proposal_table.c.offer_id).where(mine)).scalars())


def remove_old_proposals(connection: Connection, before: datetime) -> None:
    """Forget proposals from before the instant, except those that an agreement was made of."""
    in_agreements = select(agreement_table.c.proposal_id)
    old = (proposal_table.c.created < before) & proposal_table.c.proposal_id.not_in(in_agreements)
    connection.execute(delete(proposal_table).where(old))


def add_event(connection: Connection, event: StoredEvent) -> None:
    """Store an event until the program takes it."""
    values = msgspec.structs.asdict(event)
    values["reason"] = None if event.reason is None else msgspec.msgpack.encode(event.reason)
    connection.execute(insert(event_table).values(**values))


def has_events(connection: Connection, subscription_id: str) -> bool:
    """Whether events wait to be taken."""
    mine = event_table.c.subscription_id == subscription_id
    return connection.execute(select(event_table.c.id).where(mine).limit(1)).first() is not None


def waiting_events(connection: Connection, subscription_id: str) -> int:
    """How many events wait to be taken."""
    mine = event_table.c.subscription_id == subscription_id
    return connection.execute(select(func.count()).select_from(event_table).where(mine)).scalar_one()


def take_events(connection: Connection, subscription_id: str, limit: int) -> list[StoredEvent]:
    """Remove and give the oldest ``limit`` events of a subscription."""
    mine = event_table.c.subscription_id == subscription_id
    rows = connection.execute(select(event_table).where(mine).order_by(event_table.c.id).limit(limit)).all()
    _remove_events(connection, (row.id for row in rows))
    return [_event(fields(row)) for row in rows]


def _remove_events(connection: Connection, ids: Iterable[int]) -> None:
    connection.execute(delete(event_table).where(event_table.c.id.in_(list(ids))))


def _event(row: Any) -> StoredEvent:
    reason = None if row["reason"] is None else msgspec.msgpack.decode(row["reason"])
    return msgspec.convert({**row, "reason": reason}, StoredEvent)

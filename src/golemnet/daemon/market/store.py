"""Tables of the market service, and its subscriptions: what this node has published."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Integer, LargeBinary, Row, Table, Text, delete, insert, select

from golemnet.database.schema import Instant, metadata

subscription_table = Table(
    "market_subscription",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires", Instant, nullable=False),
)

proposal_table = Table(
    "market_proposal",
    metadata,
    Column("proposal_id", Text, primary_key=True),
    Column("subscription_id", Text, nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("offer_id", Text, nullable=False),
    Column("demand_id", Text, nullable=False),
    Column("requestor_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("previous", Text),
    Column("properties", LargeBinary, nullable=False),
    Column("constraints", Text, nullable=False),
    Column("created", Instant, nullable=False),
)

event_table = Table(
    "market_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subscription_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("reason", LargeBinary),
    Column("at", Instant, nullable=False),
)

agreement_table = Table(
    "market_agreement",
    metadata,
    Column("agreement_id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("proposal_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("requestor_id", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("valid_to", Instant, nullable=False),
    Column("created", Instant, nullable=False),
    Column("approved", Instant),
    Column("app_session_id", Text),
    Column("proposed_signature", LargeBinary),
    Column("approved_signature", LargeBinary),
    Column("committed_signature", LargeBinary),
    Column("reason", LargeBinary),
)

agreement_event_table = Table(
    "market_agreement_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("agreement_id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False, unique=True),
    Column("app_session_id", Text),
    Column("terminator", Text),
    Column("signature", Text),
    Column("reason", LargeBinary),
)


def fields(row: Row[Any]) -> dict[str, Any]:
    """The columns of a row by name; the names that SQLAlchemy gives are not plain text to msgspec."""
    return {str(name): value for name, value in row._mapping.items()}


class Kind(StrEnum):
    """What is published under a subscription."""

    OFFER = "Offer"
    DEMAND = "Demand"


class Subscription(msgspec.Struct, frozen=True):
    """An offer (``body`` is its signed document) or a demand (``body`` is its content) of this node."""

    subscription_id: str
    kind: Kind
    body: bytes
    expires: datetime


def add_subscription(connection: Connection, subscription: Subscription) -> None:
    """Store what is published from now on."""
    connection.execute(insert(subscription_table).values(**msgspec.structs.asdict(subscription)))


def remove_subscription(connection: Connection, subscription_id: str) -> None:
    """Forget what is no longer published, with the events that nobody took."""
    mine = subscription_table.c.subscription_id == subscription_id
    connection.execute(delete(subscription_table).where(mine))
    connection.execute(delete(event_table).where(event_table.c.subscription_id == subscription_id))


def subscriptions(connection: Connection) -> list[Subscription]:
    """Everything that this node has published."""
    rows = connection.execute(select(subscription_table))
    return [msgspec.convert(row, Subscription, from_attributes=True) for row in rows]

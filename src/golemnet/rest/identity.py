"""Bodies of the identity, version, application-key and network resources."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from golemnet.rest.wire import MoneyWire, Wire


class Identity(Wire):
    """Who an application key acts as (``GET /me``)."""

    identity: str
    name: str
    role: str = "manager"


class VersionInfo(Wire, omit_defaults=True):
    """A release; ``implementation`` names this program and its own version."""

    version: str
    name: str
    seen: bool
    release_ts: str
    implementation: str | None = None


class VersionResponse(Wire, omit_defaults=True):
    """``GET /version/get``."""

    current: VersionInfo
    pending: VersionInfo | None = None


class IdentityEntry(Wire):
    """A line of ``yagna id list``."""

    node_id: str
    alias: str | None
    is_default: bool
    is_locked: bool


class NewAppKey(MoneyWire):
    """A request for an application key; a name that exists gives the existing key."""

    name: str
    identity: str | None = None
    spending_limit: Decimal | None = None


class SpendingLimit(MoneyWire):
    """The most GLM that all allocations of a key may hold and spend; None for no limit."""

    spending_limit: Decimal | None


class AppKey(MoneyWire):
    """An application key: 32 hex digits; ``committed`` is what its allocations hold and have spent."""

    name: str
    key: str
    id: str
    role: str
    created: datetime
    spending_limit: Decimal | None = None
    committed: Decimal | None = None


class PeerEntry(Wire):
    """A node that this one has a session with; ``path`` is ``direct`` or ``relayed``."""

    node_id: str
    path: str
    address: str
    round_trip_ms: float | None
    since: datetime


class SessionEntry(PeerEntry):
    """A session, and what has gone over it; ``opened_by`` is ``us`` or ``them``."""

    opened_by: str
    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int


class PingEntry(Wire):
    """How long a message and its answer took; ``error`` says why there was none."""

    node_id: str
    round_trip_ms: float | None = None
    error: str | None = None


class ConnectionStatus(Wire, omit_defaults=True):
    """What provider agents ask of the network (``GET /net-api/v2/net/status``)."""

    node_id: str
    sessions: int
    listen_ip: str | None = None
    public_ip: str | None = None


class NetStatus(Wire):
    """This node on the network."""

    node_id: str
    listen_address: str | None = None
    public_address: str | None = None
    relay: str | None = None
    sessions: int = 0
    bootstrap: list[str] = msgspec.field(default_factory=list[str])

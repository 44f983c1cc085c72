"""Offers and demands: what is published on the market, under an id that nobody can give to another content.

An offer travels, signed by its provider (kind ``market-offer``). A demand stays on the requestor's node.
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from golemnet.model.keys import sha3_256
from golemnet.model.properties import Value

_ID = re.compile(r"[0-9a-f]{32}-[0-9a-f]{64}")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider sells; ``properties`` are flat."""

    offer_id: str
    provider_id: str
    properties: dict[str, Value]
    constraints: str
    created: datetime
    expires: datetime

    @classmethod
    def create(
        cls,
        provider_id: str,
        properties: Mapping[str, Value],
        constraints: str,
        created: datetime,
        expires: datetime,
    ) -> Offer:
        """A new offer with an id of its own."""
        content = _Content(str(provider_id), dict(properties), constraints, created, expires)
        return cls(
            offer_id=content.new_id(),
            provider_id=content.node_id,
            properties=content.properties,
            constraints=constraints,
            created=created,
            expires=expires,
        )

    def verify_id(self) -> bool:
        """Whether the id belongs to this content."""
        content = _Content(self.provider_id, self.properties, self.constraints, self.created, self.expires)
        return content.has_id(self.offer_id)


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What a requestor wants to buy; ``properties`` are flat."""

    demand_id: str
    requestor_id: str
    properties: dict[str, Value]
    constraints: str
    created: datetime
    expires: datetime

    @classmethod
    def create(
        cls,
        requestor_id: str,
        properties: Mapping[str, Value],
        constraints: str,
        created: datetime,
        expires: datetime,
    ) -> Demand:
        """A new demand with an id of its own."""
        content = _Content(str(requestor_id), dict(properties), constraints, created, expires)
        return cls(
            demand_id=content.new_id(),
            requestor_id=content.node_id,
            properties=content.properties,
            constraints=constraints,
            created=created,
            expires=expires,
        )

    def verify_id(self) -> bool:
        """Whether the id belongs to this content."""
        content = _Content(self.requestor_id, self.properties, self.constraints, self.created, self.expires)
        return content.has_id(self.demand_id)


class _Content(msgspec.Struct, frozen=True):
    """What an id depends on: it is 32 random hex digits, and the SHA3-256 over those and all of this."""

    node_id: str
    properties: dict[str, Any]
    constraints: str
    created: datetime
    expires: datetime

    def new_id(self) -> str:
        return self._id(uuid.uuid4().hex)

    def has_id(self, text: str) -> bool:
        return bool(_ID.fullmatch(text)) and hmac.compare_digest(self._id(text[:32]), text)

    def _id(self, salt: str) -> str:
        return f"{salt}-{sha3_256(salt.encode() + msgspec.msgpack.encode(self)).hex()}"

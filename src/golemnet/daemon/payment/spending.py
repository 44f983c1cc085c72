"""What a program may spend: the limit of its application key covers all allocations made with that key.

An open allocation counts with its total, one that is not open any more with what was accepted from it. So
what a key gives back may be reserved again, and what it has spent is gone for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from golemnet.daemon.payment.store import AllocationRecord
from golemnet.model.money import add_up
from golemnet.rest.errors import BadRequest, Forbidden

_EVER = datetime.min.replace(tzinfo=UTC)


class Spender(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an allocation: the name of its application key, since when it exists, and its limit."""

    name: str | None = None
    since: datetime = _EVER
    limit: Decimal | None = None

    def has_made(self, allocation: AllocationRecord) -> bool:
        """Whether the key, and not an earlier one of its name, has made the allocation."""
        return allocation.app_key == self.name and allocation.created >= self.since

    def check_may_use(self, allocation: AllocationRecord) -> None:
        """Raise Forbidden if a key with a limit would use what another one has reserved."""
        if self.limit is not None and not self.has_made(allocation):
            raise Forbidden(
                f"The application key {self.name!r} has a spending limit and uses its own allocations only.",
                next_step="Create an allocation with this key.",
                allocation_id=allocation.id,
            )

    def check_limit(self, allocations: Iterable[AllocationRecord], wanted: Decimal, now: datetime) -> None:
        """Raise BadRequest if ``allocations``, with the ``wanted`` GLM in them, are more than the limit."""
        if self.limit is None:
            return
        committed = self.committed(allocations, now)
        if committed > self.limit:
            free = max(self.limit - (committed - wanted), Decimal(0))
            raise BadRequest(
                f"The application key {self.name!r} may spend {self.limit:f} GLM in all: "
                f"{wanted:f} GLM are asked for, {free:f} are left.",
                why="Its other allocations hold or have spent the rest.",
                next_step="Release allocations, or raise the limit: yagna app-key limit NAME GLM.",
            )

    def check_may_withdraw(self) -> None:
        """Raise Forbidden if the key has a limit: moving tokens away would be a way around it."""
        if self.limit is not None:
            raise Forbidden(f"The application key {self.name!r} has a spending limit and cannot withdraw.")

    def committed(self, allocations: Iterable[AllocationRecord], now: datetime) -> Decimal:
        """What of its limit the key has used."""
        mine = [each for each in allocations if self.has_made(each)]
        return add_up(each.total if each.is_open(now) else each.spent for each in mine)


OWNER = Spender()
"""The owner of the node: no limit."""

"""Whether a deposit of others can pay what is accepted from it, by the chain and by our books."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from golemnet.chain.deposits import Deposit
from golemnet.daemon.payment import order_store
from golemnet.daemon.payment.store import AllocationRecord
from golemnet.errors import GolemError
from golemnet.model.money import add_up, from_wei
from golemnet.rest.deposits import MARGIN
from golemnet.rest.errors import BadRequest

_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


class Stale(GolemError):
    """A payment was noted since the chain was asked; ask it again."""


class Backing(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit at one block, at the chain's ``time``.

    ``mined`` are the batches that it has paid by then, although they may not be noted as paid yet;
    ``noted`` is how many of its orders were, before the chain was asked.
    """

    deposit_id: str
    deposit: Deposit
    spender: str
    time: datetime
    mined: set[str]
    noted: int

    def check(self, connection: Connection, allocation: AllocationRecord) -> None:
        """Whether the deposit covers all that is accepted and not paid; ``allocation`` holds the sums.

        Raises:
            Stale: see there.
            BadRequest: it is closed, ends too soon, or holds too little.
        """
        orders = order_store.of_deposit(connection, self.deposit_id)
        if sum(each.paid is not None for each in orders) != self.noted:
            raise Stale("The deposit has paid meanwhile.")
        if self.deposit.spender != self.spender:
            raise _refused("is closed", self.deposit_id)
        ends = end_of(self.deposit)
        if ends - self.time < MARGIN:
            raise _refused(f"ends at {ends.isoformat()}, too soon to be sure of a payment", self.deposit_id)
        mined = add_up(each.amount for each in orders if each.paid is None and each.batch_id in self.mined)
        needed, left = allocation.spent - allocation.paid - mined, from_wei(self.deposit.amount)
        if needed > left:
            text = f"holds {left:f} GLM, {needed:f} would be accepted and not paid"
            raise _refused(text, self.deposit_id)


def end_of(deposit: Deposit) -> datetime:
    """When the deposit ends."""
    return datetime.fromtimestamp(min(deposit.valid_to, _LATEST), UTC)


def lacking(deposit: Deposit, spender: str, time: datetime, needed: Decimal) -> str | None:
    """Why the deposit cannot pay ``needed`` GLM to others; None if it can."""
    if deposit.spender != spender:
        return "is closed"
    if end_of(deposit) < time:
        return f"has ended at {end_of(deposit).isoformat()}"
    left = from_wei(deposit.amount)
    return None if needed <= left else f"holds {left:f} GLM only"


def _refused(why: str, deposit_id: str) -> BadRequest:
    return BadRequest(
        f"The deposit {deposit_id} {why}.",
        next_step="Accept from another allocation, or have the deposit extended.",
        deposit_id=deposit_id,
    )

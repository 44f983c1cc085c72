"""Deposits that others fund: checked before an allocation draws from one, closed when it is released."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection

from golemnet.chain import deposits as chain_deposits
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, order_store
from golemnet.daemon.payment.parsing import parse_deposit_id
from golemnet.daemon.payment.store import AllocationRecord
from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.daemon.payment.tidings import Tidings
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.model.money import from_wei
from golemnet.rest.errors import BadRequest, Conflict, Forbidden
from golemnet.rest.payment import Deposit


class Deposits:
    """The deposits whose spender this node is."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet, tidings: Tidings) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._tidings = tidings

    async def checked(self, wanted: Deposit, allocation: AllocationRecord) -> AllocationRecord:
        """The allocation as it may draw from the deposit; one without a timeout ends with the deposit.

        Raises:
            BadRequest: another contract, no such deposit of ours, too little in it, or not valid for so long,
                or not as the ``validate`` of the request says.
        """
        id_ = parse_deposit_id(wanted.id)
        if wanted.contract.lower() != self._wallet.deposits().address:
            raise BadRequest(
                f"{wanted.contract[:60]!r} is not the contract for deposits.",
                next_step=f"Make the deposit in {self._wallet.deposits().address}.",
            )
        found = await self._wallet.deposits().get(id_)
        _check_values(wanted.validate or {}, found)
        return self._fitted(msgspec.structs.replace(allocation, deposit_id=hex(id_)), found)

    async def checked_again(self, amended: AllocationRecord, validate: Mapping[str, Any]) -> AllocationRecord:
        """An amended allocation that draws from a deposit. Raises BadRequest, see ``checked``."""
        assert amended.deposit_id is not None
        found = await self._wallet.deposits().get(int(amended.deposit_id, 16))
        _check_values(validate, found)
        return self._fitted(amended, found)

    def _fitted(self, allocation: AllocationRecord, found: chain_deposits.Deposit) -> AllocationRecord:
        if found.spender == NO_ADDRESS:
            raise BadRequest("There is no such deposit, or it is closed.")
        if found.spender != self._wallet.address:
            raise BadRequest(f"The deposit is for {found.spender}, not for {self._wallet.address}.")
        left = from_wei(found.amount)
        if allocation.total - allocation.paid > left:
            raise BadRequest(
                f"Not enough funds: the deposit has {left:f} GLM, {allocation.total - allocation.paid:f} "
                "are needed."
            )
        end = datetime.fromtimestamp(min(found.valid_to, _LATEST), UTC)
        timeout = allocation.timeout or end
        if end <= self._clock.now() or timeout > end:
            raise BadRequest(f"The deposit is valid until {end.isoformat()} only.")
        return msgspec.structs.replace(allocation, timeout=timeout, extend_s=None)

    def check_unused(self, connection: Connection, allocation: AllocationRecord) -> None:
        """Raise Conflict if another allocation draws, or has drawn, from the deposit."""
        others = allocation_store.of_deposit(connection, allocation.deposit_id)
        if any(each.id != allocation.id for each in others):
            raise Conflict("Another allocation draws from this deposit.", next_step="Amend that one.")

    async def close(self, deposit_id: str, _body: bytes) -> None:
        """Give the rest back to the funder; an effect, repeated until all that was ordered is paid."""
        unpaid = await self._database.read(
            lambda connection: order_store.unpaid_of_deposit(connection, deposit_id)
        )
        if unpaid:
            raise Conflict("The deposit is closed when its payments are made.", deposit_id=deposit_id)
        await self._wallet.deposits().close(int(deposit_id, 16), CONFIRM_TIMEOUT_S)

    async def give_back(self, deposit: int) -> None:
        """Close a deposit now that nothing draws from; nothing happens if it is closed.

        Raises:
            Forbidden: it is for another node.
            Conflict: an allocation draws from it, or not everything is paid.
        """
        found = await self._wallet.deposits().get(deposit)
        if found.is_closed:
            return
        if found.spender != self._wallet.address:
            raise Forbidden(
                f"Only its spender, {found.spender}, can close the deposit.",
                next_step="Its funder can terminate it when its validity is over.",
            )
        now = self._clock.now()
        drawing = await self._database.read(
            lambda connection: allocation_store.of_deposit(connection, hex(deposit))
        )
        if any(each.is_open(now) for each in drawing):
            raise Conflict(
                "An allocation draws from the deposit.", next_step="Release it: the deposit is closed then."
            )
        await self.close(hex(deposit), b"")

    async def close_expired(self) -> None:
        """Release the allocations with a deposit whose time is over, so that the deposits are closed."""
        now = self._clock.now()

        def write(connection: Connection) -> None:
            for each in allocation_store.expired_with_deposit(connection, now):
                allocation_store.put(connection, msgspec.structs.replace(each, released=now))
                self._tidings.close_deposit(connection, each.deposit_id or "")

        await self._database.write(write, durable=True)


_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def _check_values(wanted: Mapping[str, Any], found: chain_deposits.Deposit) -> None:
    """Compare what the program expects with the chain; amounts are in GLM there, as in the API elsewhere."""
    known = {
        "spender": found.spender,
        "amount": from_wei(found.amount),
        "feeAmount": from_wei(found.fee),
        "validTo": found.valid_to,
    }
    for name, value in wanted.items():
        if name not in known:
            raise BadRequest(
                f"A deposit has no {name[:40]!r} to validate.", why=f"It has {', '.join(known)}."
            )
        if not _same(value, known[name]):
            raise BadRequest(f"The deposit's {name} is {known[name]}, not {str(value)[:80]}.")


def _same(value: object, known: str | int | Decimal) -> bool:
    if isinstance(known, str):
        return str(value).lower() == known
    try:
        return Decimal(str(value)) == known
    except ArithmeticError:
        return False

"""Deposits that others fund: checked before an allocation draws from one, closed when it is released."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection

from golemnet.chain import deposits as chain_deposits
from golemnet.chain.ethereum import Receipt
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, order_store, voucher_store
from golemnet.daemon.payment.backing import Backing, end_of
from golemnet.daemon.payment.ordering import order_rest
from golemnet.daemon.payment.parsing import parse_deposit_id
from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM
from golemnet.daemon.payment.store import AllocationRecord
from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.daemon.payment.tidings import Tidings
from golemnet.daemon.payment.voucher_store import FEE, Movement
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.errors import GolemError
from golemnet.model.money import from_wei
from golemnet.rest.deposits import MARGIN
from golemnet.rest.errors import BadRequest, Conflict, Forbidden
from golemnet.rest.payment import Deposit

WATCH_S = 30.0

log = structlog.get_logger(__name__)


class Deposits:
    """The deposits whose spender this node is."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet, tidings: Tidings) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._tidings = tidings

    async def checked(self, wanted: Deposit, allocation: AllocationRecord) -> AllocationRecord:
        """The allocation as it may draw from the deposit; it ends a margin before the deposit.

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
        allocation = msgspec.structs.replace(allocation, deposit_id=hex(id_))
        return self._fitted(allocation, found, await self.time())

    async def checked_again(self, amended: AllocationRecord, validate: Mapping[str, Any]) -> AllocationRecord:
        """An amended allocation that draws from a deposit. Raises BadRequest, see ``checked``."""
        assert amended.deposit_id is not None
        found = await self._wallet.deposits().get(int(amended.deposit_id, 16))
        _check_values(validate, found)
        return self._fitted(amended, found, await self.time())

    def _fitted(
        self, allocation: AllocationRecord, found: chain_deposits.Deposit, now: datetime
    ) -> AllocationRecord:
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
        end = end_of(found)
        last = end - MARGIN
        if last <= now or (allocation.timeout or end) > end:
            raise BadRequest(
                f"The deposit is valid until {end.isoformat()} only.",
                why=f"An allocation from it ends {MARGIN.total_seconds() / 60:g} minutes before it.",
            )
        return msgspec.structs.replace(
            allocation, timeout=min(allocation.timeout or last, last), extend_s=None
        )

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
        await self._note_fee(deposit_id)

    async def _note_fee(self, deposit_id: str) -> None:
        """Write down, once, what came to the account when the deposit was closed, by whomever."""
        history = await self._wallet.deposits().history(int(deposit_id, 16))
        for hash_ in [each.transaction_hash for each in history if each.name == "DepositClosed"]:
            receipt = await self._wallet.chain().receipt(hash_)
            if receipt is not None and (moved := self._fee_in(receipt)):
                await self._add_fee(deposit_id, hash_, from_wei(moved))

    def _fee_in(self, receipt: Receipt) -> int:
        """What the contract has moved to this account in a transaction, in wei."""
        way = (self._wallet.deposits().address, self._wallet.address)
        return sum(each.amount for each in receipt.transfers if (each.sender, each.receiver) == way)

    async def _add_fee(self, deposit_id: str, hash_: str, amount: Decimal) -> None:
        fee = Movement(
            id=f"{FEE} {deposit_id}",
            kind=FEE,
            counterpart=deposit_id,
            platform=DEFAULT_PLATFORM,
            amount=amount,
            transaction_hash=hash_,
            timestamp=self._clock.now(),
        )

        def write(connection: Connection) -> None:
            voucher_store.add_movements(connection, [fee])

        await self._database.write(write, durable=True)

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

    async def run(self) -> None:
        """Watch deposits until cancelled: close what has expired, and hurry what is still to be paid then."""
        while True:
            try:
                await self.close_expired()
                await self.hurry()
            except GolemError as error:
                log.warning("deposits not watched", why=str(error))
            await self._clock.sleep(WATCH_S)

    async def close_expired(self) -> None:
        """End the allocations with a deposit whose time is over, so that the deposits are closed."""
        now = self._clock.now()

        def write(connection: Connection) -> None:
            for each in allocation_store.expired_with_deposit(connection, now):
                self.end(connection, each, now)

        await self._database.write(write, durable=True)

    def end(self, connection: Connection, allocation: AllocationRecord, now: datetime) -> None:
        """Release an allocation with a deposit: what was accepted becomes due, then the deposit is closed."""
        assert allocation.deposit_id is not None
        allocation_store.put(connection, msgspec.structs.replace(allocation, released=now))
        order_rest(connection, allocation, self._tidings)
        self._tidings.close_deposit(connection, allocation.deposit_id)

    async def hurry(self) -> None:
        """Try again at once to pay what deposits are to pay whose allocations are over: their end is near."""
        for batch_id in await self._database.read(allocation_store.late_batches):
            await self._tidings.hurry_batch(batch_id)

    async def backing(self, deposit_id: str) -> Backing:
        """What the chain says of the deposit, and what was noted before. May raise ``ChainError``."""
        orders = await self._database.read(lambda connection: order_store.of_deposit(connection, deposit_id))
        pending = {each.batch_id for each in orders if each.paid is None and each.batch_id is not None}
        found, mined = await self._wallet.deposits().with_paid(int(deposit_id, 16), pending)
        return Backing(
            deposit_id=deposit_id,
            deposit=found,
            spender=self._wallet.address,
            time=await self.time(),
            mined=mined,
            noted=sum(each.paid is not None for each in orders),
        )

    async def time(self) -> datetime:
        """Now, by our clock or by the chain's, whichever is later."""
        block = datetime.fromtimestamp(await self._wallet.chain().block_time(), UTC)
        return max(self._clock.now(), block)


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

"""Reserving funds: no allocation without the balance to cover it and all others."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from golemnet.chain.errors import Reverted, WouldRevert
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store
from golemnet.daemon.payment.deposits import Deposits
from golemnet.daemon.payment.platforms import Platforms, is_voucher
from golemnet.daemon.payment.spending import OWNER, Spender
from golemnet.daemon.payment.store import AllocationRecord
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import format_amount, parse_amount, short_amount
from golemnet.rest.errors import BadRequest, Conflict
from golemnet.rest.payment import AllocationUpdate, Decoration, MarketDecoration, NewAllocation
from golemnet.rest.wire import utc

PROTOCOL_VERSION = "3"
LONGEST_HOLD = timedelta(minutes=15)
_TRIES = 5


class Allocations:
    """The allocations of the node's account."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        wallet: Wallet,
        platforms: Platforms,
        deposits: Deposits,
    ) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._platforms = platforms
        self._deposits = deposits

    async def create(self, new: NewAllocation, spender: Spender = OWNER) -> AllocationRecord:
        """Reserve funds.

        Raises:
            BadRequest: wrong platform, address or time, or the funds or the limit of the key do not suffice;
                nothing is reserved.
            ChainError: the balance cannot be asked for.
        """
        if new.make_deposit:
            raise BadRequest(
                "This node makes no deposits.", next_step="Name one that was made: deposit={id, contract}."
            )
        now, platform = self._clock.now(), self._platforms.choose(new.payment_platform)
        if is_voucher(platform) and not self._wallet.has_vouchers:
            raise BadRequest("This chain has no contract for vouchers.", next_step="Pay by erc20.")
        allocation = AllocationRecord(
            id=str(uuid.uuid4()),
            address=self._own_address(new.address),
            platform=platform,
            total=parse_amount(new.total_amount),
            spent=Decimal(0),
            paid=Decimal(0),
            created=now,
            timeout=_future(new.timeout, now),
            extend_s=new.extend_timeout,
            app_key=spender.name,
        )
        if new.deposit is not None:
            if is_voucher(platform):
                raise BadRequest("Vouchers are not paid from deposits of others.")
            allocation = await self._deposits.checked(new.deposit, allocation)
        return await self._reserve(allocation, spender)

    async def amend(
        self, allocation_id: str, change: AllocationUpdate, spender: Spender = OWNER
    ) -> AllocationRecord:
        """Change total or timeout of an open allocation.

        Raises:
            NotFound, Gone: it is not open.
            Forbidden: the key has a limit, and another one has made the allocation.
            BadRequest: the new total is less than what is spent, or more than there is or the key may spend.
        """
        old = await self.get(allocation_id)
        spender.check_may_use(old)
        total = old.total if change.total_amount is None else parse_amount(change.total_amount)
        if total < old.spent:
            raise BadRequest(f"{old.spent:f} GLM of the allocation are spent; {total:f} is less.")
        timeout = _future(change.timeout, self._clock.now()) or old.timeout
        new = msgspec.structs.replace(old, total=total, timeout=timeout)
        if old.deposit_id is not None:
            validate = None if change.deposit is None else change.deposit.validate
            new = await self._deposits.checked_again(new, validate or {})
        elif change.deposit is not None:
            raise BadRequest("The allocation does not draw from a deposit.")
        return await self._reserve(new, spender)

    async def get(self, allocation_id: str) -> AllocationRecord:
        """An open allocation. Raises NotFound or Gone."""
        now = self._clock.now()
        return await self._database.read(
            lambda connection: allocation_store.get_open(connection, allocation_id, now)
        )

    async def all(self) -> list[AllocationRecord]:
        """The open allocations."""
        now = self._clock.now()
        return await self._database.read(lambda connection: allocation_store.all_open(connection, now))

    async def release(self, allocation_id: str, spender: Spender = OWNER) -> None:
        """Give back what is not spent. Raises NotFound, Gone, or Forbidden (see ``amend``)."""
        now = self._clock.now()

        def write(connection: Connection) -> None:
            allocation = allocation_store.get_open(connection, allocation_id, now)
            spender.check_may_use(allocation)
            if allocation.deposit_id is not None:
                self._deposits.end(connection, allocation, now)
            else:
                allocation_store.put(connection, msgspec.structs.replace(allocation, released=now))

        await self._database.write(write, durable=True)

    async def end_hold(self, purpose: str) -> None:
        """Give back what an attempt that was interrupted still holds."""
        for each in await self.all():
            if each.app_key == purpose:
                await self.release(each.id)

    @asynccontextmanager
    async def holding(self, amount: Decimal, purpose: str) -> AsyncGenerator[None, None]:
        """Reserve, like ``create``, what leaves the account otherwise than for claims, while it does.

        If it is not known whether it has left, it stays reserved for a while, or until ``end_hold``.
        """
        await self.end_hold(purpose)
        new = NewAllocation(total_amount=amount, timeout=self._clock.now() + LONGEST_HOLD)
        held = await self.create(new, Spender(name=purpose))
        try:
            yield
        except (WouldRevert, Reverted):
            await self.release(held.id)
            raise
        await self.release(held.id)

    async def reserved(self) -> Decimal:
        """What of the balance is promised."""
        now = self._clock.now()
        return await self._database.read(lambda connection: allocation_store.reserved(connection, now))

    async def committed(self, spender: Spender) -> Decimal:
        """What the allocations of an application key hold and have spent."""
        now = self._clock.now()
        return await self._database.read(
            lambda connection: spender.committed(allocation_store.made_with(connection, spender.name), now)
        )

    async def decorations(self, allocation_ids: Sequence[str]) -> MarketDecoration:
        """What a demand says so that only providers answer who can be paid from the allocations."""
        if not allocation_ids:
            raise BadRequest("allocationIds names no allocation.")
        found = [await self.get(each) for each in allocation_ids]
        addresses = {f"golem.com.payment.platform.{each.platform}.address": each.address for each in found}
        properties = [Decoration(key=key, value=value) for key, value in addresses.items()]
        properties.append(Decoration(key="golem.com.payment.protocol.version", value=PROTOCOL_VERSION))
        least = 2 if any(each.deposit_id for each in found) else 1
        payable = [f"({key}=*)" for key in addresses]
        any_of = payable[0] if len(payable) == 1 else f"(|{''.join(payable)})"
        return MarketDecoration(
            properties=properties, constraints=[any_of, f"(golem.com.payment.protocol.version>{least})"]
        )

    async def _reserve(self, allocation: AllocationRecord, spender: Spender) -> AllocationRecord:
        """Store a new or changed allocation if the balance covers it with all others."""
        for _ in range(_TRIES):
            known_batches = await self._database.read(allocation_store.paid_batches)
            balance, gas = await asyncio.gather(self._wallet.balance(), self._wallet.gas())
            if gas == 0:
                raise _no_gas(self._wallet.address)
            if await self._store_if_covered(allocation, spender, balance, known_batches):
                return allocation
        raise Conflict("Payments change the balance too fast to reserve from it; try again.")

    async def _store_if_covered(
        self, wanted: AllocationRecord, spender: Spender, balance: Decimal, known_batches: int
    ) -> bool:
        """False if a payment left the account since ``balance`` was read, which is then stale."""
        now = self._clock.now()

        def write(connection: Connection) -> bool:
            if allocation_store.paid_batches(connection) != known_batches:
                return False
            before = allocation_store.find(connection, wanted.id)
            if before is None:
                allocation_store.add(connection, wanted)
            else:
                current = allocation_store.get_open(connection, wanted.id, now)
                changed = {"total": max(wanted.total, current.spent), "timeout": wanted.timeout}
                allocation_store.put(connection, msgspec.structs.replace(current, **changed))
            if wanted.deposit_id is not None:
                self._deposits.check_unused(connection, wanted)
            else:
                _check_funds(balance, allocation_store.reserved(connection, now), wanted.total)
            spender.check_limit(allocation_store.made_with(connection, spender.name), wanted.total, now)
            return True

        return await self._database.write(write)

    def _own_address(self, address: str | None) -> str:
        if address and address.lower() != self._wallet.address:
            raise BadRequest(
                f"This node cannot send from {address[:60]!r}.",
                next_step=f"Leave the address out, or use {self._wallet.address}.",
            )
        return self._wallet.address


def _check_funds(balance: Decimal, reserved: Decimal, wanted: Decimal) -> None:
    """``reserved`` are the ``wanted`` and all that is held for others. Raises BadRequest."""
    if reserved > balance:
        held = reserved - wanted
        free = short_amount(max(balance - held, Decimal(0)))
        release = " or release allocations (yagna payment release-allocations)"
        raise BadRequest(
            f"Not enough funds: {format_amount(wanted)} GLM are asked for, {free} are free.",
            why=f"The account holds {short_amount(balance)} GLM; "
            f"{f'{short_amount(held)} of it are' if held else 'nothing of it is'} reserved or being paid.",
            next_step=f"Get tokens (yagna payment fund){release if held else ''}.",
        )


def _no_gas(address: str) -> BadRequest:
    return BadRequest(
        f"The account {address} has no gas to pay with.",
        next_step="Get some: yagna payment fund.",
    )


def _future(timeout: datetime | None, now: datetime) -> datetime | None:
    if timeout is None:
        return None
    if utc(timeout) <= now:
        raise BadRequest(f"The timeout {timeout.isoformat()} is in the past.")
    return utc(timeout)

"""Takes deposits back: notice first, and never what a payee may still redeem."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from golemnet.chain.vouchers import MOST_VOUCHERS, Standing
from golemnet.clock import Clock
from golemnet.daemon.payment import voucher_store
from golemnet.daemon.payment.platforms import VOUCHER_PLATFORM
from golemnet.daemon.payment.voucher_store import DEPOSIT, WITHDRAWAL, Movement
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.model.money import add_up, from_wei
from golemnet.rest.payment import VoucherExit


class LeavingVouchers:
    """The payer's way out; safe to repeat, and to be repeated once the notices are over."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet

    async def leave(self, redeemed: Decimal) -> VoucherExit:
        """Give notice, withdraw what can be withdrawn, and say what is where. Raises ``ChainError``."""
        deposits = await self._deposits()
        now = self._clock.now().timestamp()
        fresh = [payee for payee, (standing, _) in deposits.items() if not standing.notice_ends]
        over = {
            payee: standing.notice_ends
            for payee, (standing, promised) in deposits.items()
            if 0 < standing.notice_ends <= now and from_wei(standing.redeemed) >= promised
        }
        await self._give_notice(fresh)
        before = await self._database.read(voucher_store.movements)
        await self._withdraw(over)
        await self.note_withdrawals()
        after = await self._database.read(voucher_store.movements)
        withdrawn = add_up(each.amount for each in after if each not in before and each.kind == WITHDRAWAL)
        return _summary(redeemed, withdrawn, await self._deposits())

    async def note_withdrawals(self) -> None:
        """Write down every withdrawal that the chain knows: a crash may have come before it was noted."""
        now = self._clock.now()
        made = [
            Movement(
                id=f"{hash_} {payee}",
                kind=WITHDRAWAL,
                counterpart=payee,
                platform=VOUCHER_PLATFORM,
                amount=from_wei(amount),
                transaction_hash=hash_,
                timestamp=now,
            )
            for hash_, payee, amount in await self._wallet.vouchers().withdrawals()
            if amount
        ]
        await self._database.write(
            lambda connection: voucher_store.add_movements(connection, made), durable=True
        )

    async def _deposits(self) -> dict[str, tuple[Standing, Decimal]]:
        """What is set aside for each payee, and what it was promised."""
        contract, me = self._wallet.vouchers(), self._wallet.address
        address = contract.domain.contract

        def read(connection: Connection) -> dict[str, Decimal]:
            promised = {each.payee: each.cumulative for each in voucher_store.given(connection, address, me)}
            made = voucher_store.movements(connection)
            payees = {each.counterpart for each in made if each.kind == DEPOSIT}
            return {payee: promised.get(payee, Decimal(0)) for payee in sorted(payees)}

        promised = await self._database.read(read)
        found = {payee: (await contract.standing(me, payee), each) for payee, each in promised.items()}
        return {payee: each for payee, each in found.items() if each[0].deposit}

    async def _give_notice(self, payees: Sequence[str]) -> None:
        for some in _portions(payees):
            await self._wallet.vouchers().give_notice(some, CONFIRM_TIMEOUT_S)

    async def _withdraw(self, over: dict[str, int]) -> None:
        for some in _portions(list(over)):
            ends = [over[payee] for payee in some]
            await self._wallet.vouchers().withdraw(some, ends, CONFIRM_TIMEOUT_S)


def _portions(payees: Sequence[str]) -> list[Sequence[str]]:
    return [payees[start : start + MOST_VOUCHERS] for start in range(0, len(payees), MOST_VOUCHERS)]


def _summary(
    redeemed: Decimal, withdrawn: Decimal, deposits: dict[str, tuple[Standing, Decimal]]
) -> VoucherExit:
    held = {
        payee: min(max(promised - from_wei(standing.redeemed), Decimal(0)), from_wei(standing.deposit))
        for payee, (standing, promised) in deposits.items()
    }
    everything = from_wei(sum(standing.deposit for standing, _ in deposits.values()))
    ends = [standing.notice_ends for standing, _ in deposits.values() if standing.notice_ends]
    return VoucherExit(
        redeemed=redeemed,
        withdrawn=withdrawn,
        noticed=everything - add_up(held.values()),
        held=add_up(held.values()),
        available_at=datetime.fromtimestamp(max(ends), UTC) if ends else None,
    )

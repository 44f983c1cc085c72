"""The payer's side of vouchers: a batch is backed by deposits, then each payee gets a newer voucher.

1. What the deposits lack is planned and stored (one write), and reserved until it has left the account.
2. The contract takes the deposit of a round of a batch once; then the next round looks whether all is backed.
3. The vouchers are signed and stored together with the payments and their notices (one write, ``Paying``).

A crash between any two steps repeats the last one. Batches go one after the other: each counts on the
deposits as the one before has left them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from golemnet.chain.batch import Payout
from golemnet.chain.vouchers import SignedVoucher, Standing, Voucher
from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, voucher_store
from golemnet.daemon.payment.platforms import VOUCHER_PLATFORM
from golemnet.daemon.payment.store import Order
from golemnet.daemon.payment.voucher_store import DEPOSIT, Movement, TopUp, VoucherRecord
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.model.money import add_up, from_wei, to_wei
from golemnet.rest.errors import Conflict

LIFE = timedelta(days=60)
HEADROOM = 9
"""A deposit is up to ten times what is needed now, so that the next vouchers need no transaction."""
_ROUNDS = 20

ZERO = Decimal(0)


class GivenVouchers:
    """Backs and signs the vouchers of this node."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet

    async def back(self, batch_id: str, orders: Sequence[Order]) -> None:
        """Have deposits cover the vouchers that will pay ``orders``. ``ChainError`` means: again."""
        amounts = _by_address(orders)
        for round_ in range(_ROUNDS):
            planned = await self._plan(batch_id, round_, amounts)
            if not planned:
                return
            await self._deposit(batch_id, round_, planned)
        raise Conflict("The deposits change too fast for the vouchers.", batch_id=batch_id)

    async def _plan(self, batch_id: str, round_: int, amounts: Mapping[str, Decimal]) -> list[TopUp]:
        """The deposits of a round, as stored or new; none if everything is backed."""
        known = await self._database.read(
            lambda connection: voucher_store.top_ups(connection, batch_id, round_)
        )
        if known:
            return known
        contract = self._wallet.vouchers()
        standings = {each: await contract.standing(self._wallet.address, each) for each in amounts}
        balance = await self._wallet.balance()
        now = self._clock.now()

        def write(connection: Connection) -> list[TopUp]:
            lacking = {
                payee: self._promised(connection, payee) + amount - from_wei(standings[payee].backing)
                for payee, amount in amounts.items()
            }
            free = balance - allocation_store.reserved(connection, now)
            planned = _with_headroom(batch_id, round_, amounts, lacking, standings, free)
            voucher_store.add_top_ups(connection, planned)
            return sorted(planned, key=lambda each: each.payee)

        return await self._database.write(write, durable=True)

    async def _deposit(self, batch_id: str, round_: int, planned: Sequence[TopUp]) -> None:
        payouts = [Payout(each.payee, to_wei(each.amount)) for each in planned]
        contract = self._wallet.vouchers()
        receipt = await contract.deposit_once(f"{batch_id} {round_}", payouts, CONFIRM_TIMEOUT_S)
        now = self._clock.now()
        made = [_movement(each, receipt.hash, now) for each in planned]

        def write(connection: Connection) -> None:
            voucher_store.mark_deposited(connection, batch_id, round_, now)
            voucher_store.add_movements(connection, made)

        await self._database.write(write, durable=True)

    def issue(self, connection: Connection, payee: str, amount: Decimal) -> SignedVoucher:
        """A voucher for ``amount`` more than the one before it; stored in the write of ``connection``."""
        domain, now = self._wallet.vouchers().domain, self._clock.now()
        before = voucher_store.find(connection, domain.contract, self._wallet.address, payee)
        cumulative = add_up([amount] if before is None else [before.cumulative, amount])
        expiry = (now + LIFE).replace(microsecond=0)
        voucher = Voucher(self._wallet.address, payee, to_wei(cumulative), int(expiry.timestamp()))
        signed = self._wallet.sign_voucher(voucher)
        record = VoucherRecord(
            contract=domain.contract,
            payer=voucher.payer,
            payee=payee,
            cumulative=cumulative,
            expiry=expiry,
            signature=signed.signature,
            redeemed=ZERO if before is None else before.redeemed,
            since=now,
        )
        voucher_store.put(connection, record)
        return signed

    def _promised(self, connection: Connection, payee: str) -> Decimal:
        contract = self._wallet.vouchers().domain.contract
        before = voucher_store.find(connection, contract, self._wallet.address, payee)
        return ZERO if before is None else before.cumulative


def _with_headroom(
    batch_id: str,
    round_: int,
    amounts: Mapping[str, Decimal],
    lacking: Mapping[str, Decimal],
    standings: Mapping[str, Standing],
    free: Decimal,
) -> list[TopUp]:
    """Deposits for what is lacking and, from what nobody has reserved, as much again as ever, or tenfold.

    A notice that was given is taken back by a deposit, be it of one wei.
    """
    planned: list[TopUp] = []
    for payee, missing in lacking.items():
        needed = max(missing, from_wei(1) if standings[payee].notice_ends else ZERO)
        if needed <= 0:
            continue
        wanted = max(HEADROOM * needed, from_wei(standings[payee].backing))
        headroom = max(min(wanted, free), ZERO)
        free -= headroom
        planned.append(
            TopUp(
                batch_id=batch_id,
                round=round_,
                payee=payee,
                amount=add_up([needed, headroom]),
                headroom=add_up([headroom, max(needed - amounts[payee], ZERO)]),
            )
        )
    return planned


def _by_address(orders: Iterable[Order]) -> dict[str, Decimal]:
    amounts: defaultdict[str, list[Decimal]] = defaultdict(list)
    for order in orders:
        amounts[order.payee_addr].append(order.amount)
    return {payee: add_up(amounts[payee]) for payee in sorted(amounts)}


def _movement(top_up: TopUp, transaction_hash: str, now: datetime) -> Movement:
    return Movement(
        id=f"{transaction_hash} {top_up.payee}",
        kind=DEPOSIT,
        counterpart=top_up.payee,
        platform=VOUCHER_PLATFORM,
        amount=top_up.amount,
        transaction_hash=transaction_hash,
        timestamp=now,
    )

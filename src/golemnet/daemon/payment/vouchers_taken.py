"""The payee's side of vouchers: believed when signed, enough and backed; redeemed before they could be lost.

Vouchers cost nothing until they are redeemed, so they are gathered: all are redeemed, in one transaction,
when one of them is worth it, is old, comes near its expiry, or its payer has given notice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import structlog
from sqlalchemy import Connection

from golemnet.chain.errors import ChainError
from golemnet.chain.vouchers import MOST_VOUCHERS, SignedVoucher, Standing, Voucher
from golemnet.clock import Clock
from golemnet.daemon.payment import order_store, voucher_store
from golemnet.daemon.payment.messages import NOT_YET, PaymentBody
from golemnet.daemon.payment.platforms import VOUCHER_PLATFORM
from golemnet.daemon.payment.verification import Refused
from golemnet.daemon.payment.voucher_store import REDEMPTION, Movement, VoucherRecord
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database, after_commit
from golemnet.model.keys import keccak256
from golemnet.model.money import add_up, from_wei, to_wei
from golemnet.net.errors import RemoteError

LEAST_LIFE = timedelta(days=14)
WORTH_IT = Decimal(10)
OLDEST = timedelta(hours=6)
LOOK_S = 300.0
MARGIN = timedelta(hours=6)
"""A voucher whose payer has given notice is still taken if so much time is left to redeem it."""

log = structlog.get_logger(__name__)


class TakenVouchers:
    """Verifies, keeps and redeems vouchers of others."""

    def __init__(self, clock: Clock, database: Database, wallet: Wallet) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._lock = asyncio.Lock()
        self._hurry = asyncio.Event()

    async def check(self, body: PaymentBody) -> tuple[VoucherRecord, bool]:
        """The voucher of a notice whose other fields are checked, and whether it must be redeemed at once.

        Raises:
            Refused: it is not signed by the payer for this chain and contract, or expires too soon.
            RemoteError: NOT_YET; it is not backed by the deposit as this node sees the chain.
        """
        try:
            contract = self._wallet.vouchers()
            domain = contract.domain
            signed = _signed(body)
            _check_signature(body, signed, domain.signer(signed), self._clock.now())
            confirmations = self._wallet.chain().file.confirmations
            standing = await contract.standing(body.payer_addr, body.payee_addr, confirmations)
        except ValueError as error:  # a bad signature, or numbers that no voucher can have
            raise Refused(f"Refused: {error}.") from error
        except ChainError as error:
            raise RemoteError(NOT_YET, f"The payee cannot ask its chain: {error}") from error
        _check_backing(signed.voucher, standing, self._clock.now())
        return _record(domain.contract, signed, self._clock.now()), standing.notice_ends > 0

    def keep(self, connection: Connection, body: PaymentBody, new: VoucherRecord, *, is_urgent: bool) -> None:
        """Keep the voucher if it is the highest, and if it covers this payment beside those before it.

        Raises:
            Refused: it does not: it is a replay, or promises less than the notices say.
        """
        before = voucher_store.find(connection, new.contract, new.payer, new.payee)
        best = new if before is None or new.cumulative >= before.cumulative else before
        needed = add_up([*order_store.amounts_received(connection, body), body.amount])
        if best.cumulative < needed:
            raise Refused(
                f"Refused: the voucher is for {best.cumulative:f} GLM in all, {needed:f} are claimed of it."
            )
        oldest = before.since if before is not None and before.open > 0 else new.since
        redeemed = new.redeemed if before is None else max(before.redeemed, new.redeemed)
        kept = msgspec.structs.replace(best, redeemed=redeemed, since=oldest)
        voucher_store.put(connection, kept)
        if kept.open >= WORTH_IT or is_urgent:
            after_commit(connection, self._hurry.set)

    async def run(self) -> None:
        """Redeem what is due, until cancelled: at once if it is worth it, and at intervals."""
        while True:
            self._hurry.clear()
            try:
                await self.redeem_due()
            except ChainError as error:
                log.warning("vouchers not redeemed", why=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), LOOK_S)

    async def redeem_due(self, *, all_of_them: bool = False) -> Decimal:
        """Redeem every voucher if one is due, or if that is wanted; the amount. May raise ``ChainError``."""
        if not self._wallet.has_vouchers:
            return Decimal(0)
        async with self._lock:
            found = await self._open()
            if not any(all_of_them or self._is_due(*each) for each in found):
                return Decimal(0)
            redeemed = [
                await self._redeem(found[start : start + MOST_VOUCHERS])
                for start in range(0, len(found), MOST_VOUCHERS)
            ]
            return add_up(redeemed)

    async def _open(self) -> list[tuple[VoucherRecord, Standing]]:
        """The vouchers that would bring something now, and how they stand."""
        contract, me = self._wallet.vouchers(), self._wallet.address
        mine = await self._database.read(
            lambda connection: voucher_store.received(connection, contract.domain.contract, me)
        )
        found = [(each, await contract.standing(each.payer, me)) for each in mine if each.open > 0]
        await self._note([each for each in found if from_wei(each[1].redeemed) > each[0].redeemed], "")
        now = self._clock.now()
        return [
            (each, standing)
            for each, standing in found
            if each.expiry > now and standing.deposit and from_wei(standing.redeemed) < each.cumulative
        ]

    def _is_due(self, voucher: VoucherRecord, standing: Standing) -> bool:
        now = self._clock.now()
        return (
            voucher.open >= WORTH_IT
            or now - voucher.since >= OLDEST
            or voucher.expiry - now <= LEAST_LIFE / 2
            or standing.notice_ends > 0
        )

    async def _redeem(self, found: Sequence[tuple[VoucherRecord, Standing]]) -> Decimal:
        contract = self._wallet.vouchers()
        signed = [_as_signed(each) for each, _ in found]
        receipt = await contract.redeem(signed, [each.redeemed for _, each in found], CONFIRM_TIMEOUT_S)
        after = [(each, await contract.standing(each.payer, self._wallet.address)) for each, _ in found]
        await self._note(after, receipt.hash)
        amount = add_up(
            from_wei(new.redeemed - old.redeemed) for (_, old), (_, new) in zip(found, after, strict=True)
        )
        log.info("vouchers redeemed", vouchers=len(found), amount=str(amount), transaction=receipt.hash)
        return amount

    async def _note(self, seen: Sequence[tuple[VoucherRecord, Standing]], transaction: str) -> None:
        """Write down what the chain has paid for vouchers, as a movement and in the voucher itself.

        ``transaction`` is empty if it was not seen, because a crash came before.
        """
        if not seen:
            return
        now = self._clock.now()

        def write(connection: Connection) -> None:
            for voucher, standing in seen:
                current = voucher_store.find(connection, voucher.contract, voucher.payer, voucher.payee)
                if current is not None and from_wei(standing.redeemed) > current.redeemed:
                    voucher_store.add_movements(connection, [_movement(current, standing, transaction, now)])
                    redeemed = from_wei(standing.redeemed)
                    voucher_store.put(
                        connection, msgspec.structs.replace(current, redeemed=redeemed, since=now)
                    )

        await self._database.write(write, durable=True)


def _signed(body: PaymentBody) -> SignedVoucher:
    assert body.voucher is not None
    try:
        cumulative = to_wei(body.voucher.cumulative)
    except ValueError as error:
        raise Refused(f"Refused: {error}.") from error
    voucher = Voucher(body.payer_addr, body.payee_addr, cumulative, body.voucher.expiry)
    return SignedVoucher(voucher, body.voucher.signature)


def _check_signature(body: PaymentBody, signed: SignedVoucher, signer: str, now: datetime) -> None:
    if signer != body.payer_addr:
        raise Refused("Refused: the voucher is not signed by its payer for this chain and its contract.")
    if "0x" + keccak256(signed.signature).hex() != body.transaction_hash:
        raise Refused("Refused: the notice names another voucher.")
    least = int((now + LEAST_LIFE).timestamp())
    if not least <= signed.voucher.expiry <= _LATEST:
        raise Refused(f"Refused: the voucher must be good for {LEAST_LIFE.days} days.")


_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def _check_backing(voucher: Voucher, standing: Standing, now: datetime) -> None:
    if 0 < standing.notice_ends < (now + MARGIN).timestamp():
        raise RemoteError(NOT_YET, "The payer is taking back the deposit behind the voucher.")
    if standing.backing < voucher.cumulative:
        raise RemoteError(
            NOT_YET,
            f"The deposit behind the voucher is good for {from_wei(standing.backing):f} GLM in all, "
            f"it promises {from_wei(voucher.cumulative):f}.",
        )


def _record(contract: str, signed: SignedVoucher, now: datetime) -> VoucherRecord:
    voucher = signed.voucher
    return VoucherRecord(
        contract=contract,
        payer=voucher.payer,
        payee=voucher.payee,
        cumulative=from_wei(voucher.cumulative),
        expiry=datetime.fromtimestamp(voucher.expiry, UTC),
        signature=signed.signature,
        redeemed=Decimal(0),
        since=now,
    )


def _as_signed(voucher: VoucherRecord) -> SignedVoucher:
    expiry = int(voucher.expiry.timestamp())
    plain = Voucher(voucher.payer, voucher.payee, to_wei(voucher.cumulative), expiry)
    return SignedVoucher(plain, voucher.signature)


def _movement(voucher: VoucherRecord, standing: Standing, transaction: str, now: datetime) -> Movement:
    total = from_wei(standing.redeemed)
    return Movement(
        id=f"{voucher.contract} {voucher.payer} {total:f}",
        kind=REDEMPTION,
        counterpart=voucher.payer,
        platform=VOUCHER_PLATFORM,
        amount=total - voucher.redeemed,
        transaction_hash=transaction,
        timestamp=now,
    )

"""Compares vouchers with the payments that they are for, and with the contract that honours them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from golemnet.chain.errors import ChainError
from golemnet.chain.vouchers import Standing
from golemnet.daemon.payment import voucher_store
from golemnet.daemon.payment.ledger import Books
from golemnet.daemon.payment.platforms import is_voucher
from golemnet.daemon.payment.voucher_store import DEPOSIT, REDEMPTION, WITHDRAWAL, VoucherRecord
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import add_up, from_wei
from golemnet.rest.payment import Finding

MISMATCH = "mismatch"
OPEN = "open"
NOTE = "note"

ZERO = Decimal(0)


async def check_vouchers(database: Database, wallet: Wallet, books: Books) -> list[Finding]:
    """All that differs or is open on the voucher platform. Raises ``ChainError``."""
    if not wallet.has_vouchers:
        return []
    contract, me = wallet.vouchers(), wallet.address
    address = contract.domain.contract
    vouchers = await database.read(lambda connection: voucher_store.all_of(connection, address))
    found = [
        (each, await contract.standing(each.payer, each.payee))
        for each in vouchers
        if me in (each.payer, each.payee)
    ]
    one_by_one = [finding for each in found for finding in _voucher(*each, books, me)]
    try:
        moved = await wallet.chain().transfers_of(me)
    except ChainError:
        return one_by_one  # endpoints that give no lists: said once, where other transfers are looked at
    sent = sum(each.amount for _, each in moved if each.receiver == address)
    back = sum(each.amount for _, each in moved if each.sender == address)
    return [*one_by_one, *_movements(books, from_wei(sent), from_wei(back))]


def _voucher(voucher: VoucherRecord, standing: Standing, books: Books, me: str) -> Iterable[Finding]:
    given = voucher.payer == me
    other = voucher.payee if given else voucher.payer
    paid = add_up(
        each.amount
        for each, _ in books.payments
        if is_voucher(each.platform) and (each.payer_addr, each.payee_addr) == (voucher.payer, voucher.payee)
    )
    if paid != voucher.cumulative:
        why = f"The voucher is for {voucher.cumulative:f} GLM, the payments of the books are {paid:f}."
        yield _finding(MISMATCH, other, abs(paid - voucher.cumulative), why)
    backing, redeemed = from_wei(standing.backing), from_wei(standing.redeemed)
    if backing < voucher.cumulative:
        why = f"The contract backs {backing:f} GLM of a voucher for {voucher.cumulative:f}: it has gone back."
        yield _finding(MISMATCH, other, voucher.cumulative - backing, why)
    if redeemed > voucher.cumulative:
        why = f"The contract has paid {redeemed:f} GLM, the newest voucher is for {voucher.cumulative:f}."
        yield _finding(MISMATCH, other, redeemed - voucher.cumulative, why)
    yield from _still_open(voucher.cumulative - redeemed, backing - voucher.cumulative, given, other)


def _still_open(unredeemed: Decimal, spare: Decimal, given: bool, other: str) -> Iterable[Finding]:
    if unredeemed > 0:
        whom = f"{other} has not redeemed it" if given else f"from {other}, not redeemed yet"
        yield _finding(OPEN, other, unredeemed, f"Promised by voucher: {whom}.")
    if given and spare > 0:
        yield _finding(NOTE, other, spare, f"Set aside for later vouchers to {other}.")


def _movements(books: Books, sent: Decimal, back: Decimal) -> Iterable[Finding]:
    """Whether deposits, redemptions and withdrawals are those of the chain, in sum."""
    booked = {
        kind: add_up(each.amount for each in books.movements if each.kind == kind)
        for kind in (DEPOSIT, REDEMPTION, WITHDRAWAL)
    }
    if booked[DEPOSIT] != sent:
        why = f"The chain has deposits of {sent:f} GLM, the books {booked[DEPOSIT]:f}."
        yield _finding(MISMATCH, "deposits", abs(sent - booked[DEPOSIT]), why)
    returned = add_up([booked[REDEMPTION], booked[WITHDRAWAL]])
    if returned != back:
        why = f"The contract has sent {back:f} GLM here, the books say {returned:f}."
        yield _finding(MISMATCH, "redemptions", abs(back - returned), why)


def _finding(kind: str, about: str, amount: Decimal, what: str) -> Finding:
    return Finding(kind=kind, about=f"voucher:{about}", amount=amount, what=what)

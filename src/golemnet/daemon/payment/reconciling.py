"""Compares the ledger with the chain, and explains each difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from golemnet.chain.errors import ChainError
from golemnet.chain.ethereum import Receipt, TokenTransfer
from golemnet.daemon.payment.ledger import Books, balances, entries, read_books
from golemnet.daemon.payment.platforms import is_voucher
from golemnet.daemon.payment.states import State
from golemnet.daemon.payment.store import PaymentRecord
from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.daemon.payment.transaction_store import StoredTransactions
from golemnet.daemon.payment.voucher_reconciling import MISMATCH, NOTE, OPEN, check_vouchers
from golemnet.daemon.payment.voucher_store import FEE
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import from_wei, to_wei
from golemnet.rest.payment import Finding


class Reconciling:
    """The comparison of one node's books with its chain."""

    def __init__(self, database: Database, wallet: Wallet, transactions: StoredTransactions) -> None:
        self._database = database
        self._wallet = wallet
        self._transactions = transactions

    async def verify(self) -> list[Finding]:
        """All that differs, mismatches first; nothing means that books and chain agree to the wei.

        Raises:
            ChainError: the chain cannot be asked.
        """
        books = await self._database.read(read_books)
        vouchers = await check_vouchers(self._database, self._wallet, books)
        open_ = [*_accounts(books), *_problems(books)]
        paid = [*await self._payments(books), *await self._fees(books)]
        found = [*paid, *open_, *vouchers, *await self._unknown(books)]
        return sorted(found, key=lambda each: (MISMATCH, OPEN, NOTE).index(each.kind))

    async def _payments(self, books: Books) -> list[Finding]:
        groups: defaultdict[tuple[str, str, str], list[PaymentRecord]] = defaultdict(list)
        for payment, _ in books.payments:
            if is_voucher(payment.platform):
                continue
            groups[payment.transaction_hash, payment.payer_addr, payment.payee_addr].append(payment)
        found = [await self._transaction(hash_, group) for (hash_, *_), group in groups.items()]
        return [each for each in found if each is not None]

    async def _transaction(self, hash_: str, payments: list[PaymentRecord]) -> Finding | None:
        receipt = await self._wallet.chain().receipt(hash_)
        booked = sum(to_wei(each.amount) for each in payments)
        if receipt is None:
            return _mismatch(hash_, booked, await self._why_missing(hash_))
        way = (payments[0].payer_addr, payments[0].payee_addr)
        moved = _moved(receipt, way) if receipt.succeeded else 0
        if moved == booked:
            return None
        return _mismatch(hash_, booked, f"The transaction moves {moved} wei, the books say {booked}.")

    async def _fees(self, books: Books) -> list[Finding]:
        """Fees of deposits that the chain does not have as they are booked."""
        fees = [each for each in books.movements if each.kind == FEE]
        if not fees:
            return []  # a node without a chain has none
        found = [(each, await self._wallet.chain().receipt(each.transaction_hash)) for each in fees]
        way = ((self._wallet.chain().file.deposits or "").lower(), self._wallet.address)
        return [
            _mismatch(
                each.transaction_hash, to_wei(each.amount), "The chain does not have the deposit's fee."
            )
            for each, receipt in found
            if receipt is None or _moved(receipt, way) != to_wei(each.amount)
        ]

    async def _why_missing(self, hash_: str) -> str:
        for transaction in await self._transactions.by_hash(hash_):
            for other in transaction.hashes:
                if other != hash_ and await self._wallet.chain().receipt(other) is not None:
                    return f"It was replaced by {other}, which the chain has: paid once, under another hash."
            return "The chain has lost the transaction; it is stored and is sent again."
        return "The chain does not have the transaction: it has gone back, or it is another chain."

    async def _unknown(self, books: Books) -> list[Finding]:
        known = {payment.transaction_hash for payment, _ in books.payments}
        known |= {each.transaction_hash for each in books.movements if each.kind == FEE}
        try:
            transfers = await self._wallet.chain().transfers_of(self._wallet.address)
        except ChainError as error:
            return [
                Finding(kind=NOTE, about="chain", amount=Decimal(0), what=f"No list of transfers: {error}")
            ]
        # its movements are checked by themselves
        contract = (self._wallet.chain().file.vouchers or "").lower()
        return [
            self._stranger(hash_, each)
            for hash_, each in transfers
            if hash_ not in known and contract not in (each.sender, each.receiver)
        ]

    def _stranger(self, hash_: str, transfer: TokenTransfer) -> Finding:
        amount = from_wei(transfer.amount)
        deposits = (self._wallet.chain().file.deposits or "").lower()
        if transfer.receiver == deposits:
            what = f"{amount:f} went into a deposit for others."
        elif transfer.sender == deposits:
            what = f"{amount:f} came from a deposit: its rest to the funder, or its fee to the spender."
        elif transfer.receiver == self._wallet.address:
            source = "the faucet" if transfer.sender == NO_ADDRESS else transfer.sender
            what = f"{amount:f} came from {source}, for no claim."
        else:
            what = f"{amount:f} went to {transfer.receiver}, for no claim: an exit or another program."
        return Finding(kind=NOTE, about=hash_, amount=amount, what=what)


def _moved(receipt: Receipt, way: tuple[str, str]) -> int:
    return sum(each.amount for each in receipt.transfers if (each.sender, each.receiver) == way)


def _accounts(books: Books) -> Iterable[Finding]:
    for account, balance in sorted(balances(entries(books)).items()):
        kind, _, node = account.partition(":")
        unpaid = -balance if kind == "owed" else balance
        if kind not in ("owed", "due") or unpaid == 0:
            continue
        if unpaid > 0:
            whom = f"we owe {node}" if kind == "owed" else f"{node} owes us"
            yield Finding(kind=OPEN, about=account, amount=unpaid, what=f"Accepted and not paid yet: {whom}.")
        else:
            what = f"{-unpaid:f} more were paid than the accepted claims ask for."
            yield Finding(kind=MISMATCH, about=account, amount=-unpaid, what=what)


def _problems(books: Books) -> Iterable[Finding]:
    for claim in books.claims:
        if claim.state == State.ACCEPTED and claim.problem:
            yield Finding(kind=OPEN, about=claim.id, amount=claim.amount, what=claim.problem)


def _mismatch(about: str, wei: int, what: str) -> Finding:
    return Finding(kind=MISMATCH, about=about, amount=from_wei(wei), what=what)

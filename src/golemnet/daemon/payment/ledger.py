"""The books of a node in double entry, derived from its documents and payments: nothing is kept twice. Pure.

Accounts: ``computation`` (what was bought), ``work`` (what was sold), ``fees`` (of deposits of others),
``owed:<node>``, ``due:<node>``, ``account:<platform>`` for the tokens on the chain, or for vouchers and the
deposits behind them, and ``deposit:<id>`` for money that one node has set aside and another one spends. Every
entry moves an amount from its credit to its debit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from golemnet.daemon.payment import amounts, claim_store, order_store, voucher_store
from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM
from golemnet.daemon.payment.states import State
from golemnet.daemon.payment.store import INVOICE, PROVIDER, REQUESTOR, Claim, Order, Part, PaymentRecord
from golemnet.daemon.payment.voucher_store import DEPOSIT, FEE, FUNDING, REFUND, Movement
from golemnet.model.money import add_up
from golemnet.rest.payment import LedgerEntry

_OTHER_SIDES = {FUNDING: "deposit:{counterpart}", REFUND: "deposit:{counterpart}", FEE: "fees"}
_ACCEPTED = (State.ACCEPTED, State.SETTLED)


class Books(msgspec.Struct, frozen=True):
    """All documents and payments of a node; ``sources`` are the deposits that transactions have paid from."""

    claims: list[Claim]
    orders: list[Order]
    payments: list[tuple[PaymentRecord, list[Part]]]
    movements: list[Movement] = msgspec.field(default_factory=list[Movement])
    sources: dict[str, str] = msgspec.field(default_factory=dict[str, str])


def read_books(connection: Connection) -> Books:
    """The books of the node whose database it is."""
    payments = order_store.payments(connection)
    return Books(
        claim_store.all_of(connection),
        order_store.all_orders(connection),
        [(each, order_store.parts_of_payment(connection, each.id)) for each in payments],
        voucher_store.movements(connection),
        order_store.deposits_by_transaction(connection),
    )


def entries(books: Books) -> list[LedgerEntry]:
    """Every accepted claim and every payment, the oldest first."""
    bought = _bought(books)
    sold = [entry for claims in _agreements(books.claims, PROVIDER) for entry in _sold(claims)]
    moved = [entry for payment, parts in books.payments for entry in _moved(payment, parts, books.sources)]
    between = [_between_accounts(each) for each in books.movements]
    return sorted([*bought, *sold, *moved, *between], key=lambda entry: entry.date)


def balances(found: Iterable[LedgerEntry]) -> dict[str, Decimal]:
    """The balance of each account, debits positive; together they are zero."""
    sides: defaultdict[str, list[Decimal]] = defaultdict(list)
    for entry in found:
        sides[entry.debit].append(entry.amount)
        sides[entry.credit].append(-entry.amount)
    return {account: add_up(values) for account, values in sides.items()}


def _bought(books: Books) -> list[LedgerEntry]:
    claims = {claim.id: claim for claim in books.claims if claim.role == REQUESTOR}
    return [
        _claimed(claims[order.claim_id], order.amount, "computation", f"owed:{order.payee_id}")
        for order in books.orders
        if order.claim_id in claims
    ]


def _sold(claims: Sequence[Claim]) -> list[LedgerEntry]:
    """What the requestor has promised to pay by accepting: the same arithmetic as its orders."""
    found: list[LedgerEntry] = []
    orders: list[Order] = []
    before: list[Claim] = []
    for claim in sorted(claims, key=lambda each: (each.kind == INVOICE, each.timestamp)):
        amount = amounts.payable(claim, before, orders)
        before.append(claim)
        if amount:
            orders.append(_as_order(claim, amount))
            found.append(_claimed(claim, amount, f"due:{claim.recipient_id}", "work"))
    return found


def _agreements(claims: Iterable[Claim], role: str) -> list[list[Claim]]:
    groups: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.role == role and claim.state in _ACCEPTED:
            groups[claim.agreement_id].append(claim)
    return list(groups.values())


def _as_order(claim: Claim, amount: Decimal) -> Order:
    return Order(
        claim_id=claim.id,
        agreement_id=claim.agreement_id,
        activity_id=claim.activity_id,
        allocation_id="",
        payee_id=claim.issuer_id,
        payee_addr=claim.payee_addr,
        platform=claim.platform,
        amount=amount,
    )


def _claimed(claim: Claim, amount: Decimal, debit: str, credit: str) -> LedgerEntry:
    return LedgerEntry(
        date=claim.timestamp,
        debit=debit,
        credit=credit,
        amount=amount,
        document=claim.kind,
        document_id=claim.id,
        agreement_id=claim.agreement_id,
    )


def _between_accounts(movement: Movement) -> LedgerEntry:
    """Tokens that went from the account to a contract, or came from one."""
    other = _OTHER_SIDES.get(movement.kind, "account:{platform}").format(
        counterpart=movement.counterpart, platform=movement.platform
    )
    tokens = f"account:{DEFAULT_PLATFORM}"
    debit, credit = (other, tokens) if movement.kind in (DEPOSIT, FUNDING) else (tokens, other)
    return LedgerEntry(
        date=movement.timestamp,
        debit=debit,
        credit=credit,
        amount=movement.amount,
        document=movement.kind,
        document_id=movement.counterpart if movement.kind in _OTHER_SIDES else movement.id,
        agreement_id="",
        transaction=movement.transaction_hash or None,
    )


def _sides(payment: PaymentRecord, sources: Mapping[str, str]) -> tuple[str, str]:
    """Debit and credit; ``sources`` are the deposits of others by the transactions that paid from them."""
    account = f"account:{payment.platform}"
    if payment.role == REQUESTOR:
        source = sources.get(payment.transaction_hash)
        return f"owed:{payment.payee_id}", f"deposit:{source}" if source else account
    return account, f"due:{payment.payer_id}"


def _moved(payment: PaymentRecord, parts: Iterable[Part], sources: Mapping[str, str]) -> list[LedgerEntry]:
    debit, credit = _sides(payment, sources)
    return [
        LedgerEntry(
            date=payment.timestamp,
            debit=debit,
            credit=credit,
            amount=part.amount,
            document="payment",
            document_id=payment.id,
            agreement_id=part.agreement_id,
            transaction=payment.transaction_hash,
        )
        for part in parts
    ]

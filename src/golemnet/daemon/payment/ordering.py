"""Ordering payments: what an accepted claim adds, and what is left to be paid when an allocation is over."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Connection

from golemnet.daemon.payment import amounts, claim_store, order_store
from golemnet.daemon.payment.store import AllocationRecord, Claim, Order
from golemnet.daemon.payment.tidings import ORDERS, Tidings
from golemnet.model.money import add_up


def order_claim(
    connection: Connection, claim: Claim, allocation: AllocationRecord, tidings: Tidings
) -> Decimal:
    """Order what the acceptance of ``claim`` adds to the payments of its agreement; the amount."""
    before = claim_store.of_agreement(connection, claim.agreement_id)
    orders = order_store.orders_of_agreement(connection, claim.agreement_id)
    amount = amounts.payable(claim, before, orders)
    if amount:
        _order(connection, claim, allocation, amount, tidings)
    return amount


def order_rest(connection: Connection, allocation: AllocationRecord, tidings: Tidings) -> None:
    """Order what was accepted from the allocation and was not due yet: debit notes before their invoice."""
    ordered = order_store.orders_of_allocation(connection, allocation.id)
    left = allocation.spent - add_up(each.amount for each in ordered)
    known = {each.claim_id for each in ordered}
    for agreement_id in claim_store.agreements_of_allocation(connection, allocation.id):
        claims = claim_store.of_agreement(connection, agreement_id)
        orders = order_store.orders_of_agreement(connection, agreement_id)
        for claim, amount in amounts.unordered_notes(claims, orders):
            amount = min(amount, left)
            if claim.allocation_id == allocation.id and claim.id not in known and amount > 0:
                _order(connection, claim, allocation, amount, tidings)
                left -= amount


def _order(
    connection: Connection, claim: Claim, allocation: AllocationRecord, amount: Decimal, tidings: Tidings
) -> None:
    order = Order(
        claim_id=claim.id,
        agreement_id=claim.agreement_id,
        activity_id=claim.activity_id,
        allocation_id=allocation.id,
        payee_id=claim.issuer_id,
        payee_addr=claim.payee_addr,
        platform=claim.platform,
        amount=amount,
        deposit_id=allocation.deposit_id,
    )
    order_store.add_order(connection, order)
    tidings.wake(connection, ORDERS)

"""What is owed, by the claims and orders of one agreement. Pure arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from golemnet.daemon.payment.states import State
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE, AllocationRecord, Claim, Order, Part
from golemnet.model.money import add_up

ZERO = Decimal(0)
_ACCEPTED = (State.ACCEPTED, State.SETTLED)


def accepted_total(claims: Iterable[Claim]) -> Decimal:
    """What the requestor has accepted for an agreement.

    An accepted invoice is the whole of it. Before that it is the highest accepted debit note of each
    activity, because debit notes are cumulative.
    """
    accepted = [claim for claim in claims if claim.state in _ACCEPTED]
    invoices = [claim.amount for claim in accepted if claim.kind == INVOICE]
    return invoices[0] if invoices else add_up(_highest_notes(accepted).values())


def promised(claims: Iterable[Claim], orders: Iterable[Order]) -> Decimal:
    """What an agreement takes from its allocations: what was accepted, or ordered if that is more.

    It is more when the invoice asks for less than the debit notes whose payment was ordered before.
    """
    return max(accepted_total(claims), add_up(order.amount for order in orders))


def claimed_total(claims: Iterable[Claim]) -> Decimal:
    """What the provider has asked for in an agreement, accepted or not."""
    live = [claim for claim in claims if claim.state not in (State.REJECTED, State.CANCELLED)]
    invoices = [claim.amount for claim in live if claim.kind == INVOICE]
    return max(invoices) if invoices else add_up(_highest_notes(live).values())


def _highest_notes(claims: Iterable[Claim]) -> dict[str, Decimal]:
    highest: defaultdict[str, Decimal] = defaultdict(Decimal)
    for claim in claims:
        if claim.kind == DEBIT_NOTE:
            activity = claim.activity_ids[0]
            highest[activity] = max(highest[activity], claim.amount)
    return highest


def payable(claim: Claim, claims: Iterable[Claim], orders: Iterable[Order]) -> Decimal:
    """What the acceptance of ``claim`` adds to the payments of its agreement.

    An invoice adds what is not yet ordered. A debit note adds only if it has a due date, and nothing once an
    invoice is accepted: that one pays for everything.
    """
    if claim.kind == INVOICE:
        return max(claim.amount - add_up(order.amount for order in orders), ZERO)
    invoiced = any(other.kind == INVOICE and other.state in _ACCEPTED for other in claims)
    if claim.due is None or invoiced:
        return ZERO
    ordered = add_up(order.amount for order in orders if order.activity_id == claim.activity_id)
    return max(claim.amount - ordered, ZERO)


def unordered_notes(claims: Iterable[Claim], orders: Iterable[Order]) -> list[tuple[Claim, Decimal]]:
    """Accepted debit notes of an agreement, and what of them is not ordered: the highest of each activity.

    None once an invoice is accepted: that one pays for everything.
    """
    accepted, orders = [claim for claim in claims if claim.state in _ACCEPTED], list(orders)
    if any(claim.kind == INVOICE for claim in accepted):
        return []
    highest = {claim.activity_id: claim for claim in sorted(accepted, key=lambda each: each.amount)}
    ordered = {
        activity_id: add_up(order.amount for order in orders if order.activity_id == activity_id)
        for activity_id in highest
    }
    open_ = [(claim, claim.amount - ordered[activity_id]) for activity_id, claim in highest.items()]
    return [(claim, amount) for claim, amount in open_ if amount > 0]


def settled_by(claims: Iterable[Claim], parts: Iterable[Part]) -> list[Claim]:
    """The claims of an agreement that its payments cover.

    An invoice is covered by all payments of the agreement. With it all debit notes are; without it those
    that the payments of their activity cover.
    """
    claims, parts = list(claims), list(parts)
    paid = add_up(part.amount for part in parts)
    invoices = [each for each in claims if each.kind == INVOICE and _is_covered(each, paid)]
    if invoices:
        notes = [each for each in claims if each.kind == DEBIT_NOTE and _is_live(each)]
    else:
        notes = [each for each in claims if each.kind == DEBIT_NOTE and _is_covered(each, _of(each, parts))]
    return [each for each in invoices + notes if each.state != State.SETTLED]


def _is_covered(claim: Claim, paid: Decimal) -> bool:
    # A claim of nothing is settled by its acceptance; one of something by money, accepted or not.
    return _is_live(claim) and paid >= claim.amount and (paid > 0 or claim.state in _ACCEPTED)


def _is_live(claim: Claim) -> bool:
    return claim.state not in (State.REJECTED, State.CANCELLED)


def _of(note: Claim, parts: Iterable[Part]) -> Decimal:
    return add_up(part.amount for part in parts if part.activity_id == note.activity_id)


def reserved(open_: Iterable[AllocationRecord], unpaid_elsewhere: Iterable[Order]) -> Decimal:
    """What of an account's balance is promised.

    Deposits of others are no part of it.

    Args:
        open_: the open allocations: each holds its total until that has left the account.
        unpaid_elsewhere: unpaid orders from allocations that are not open any more.
    """
    held = add_up(each.total - each.paid for each in open_ if each.deposit_id is None)
    return held + add_up(order.amount for order in unpaid_elsewhere if order.deposit_id is None)

"""What is owed: cumulative notes, an invoice over all, nothing ordered twice, nothing paid twice."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.payment.amounts import accepted_total, payable, reserved, settled_by
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE, AllocationRecord, Claim, Order, Part

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = st.integers(0, 10**6).map(Decimal)


def claim(kind, amount, *, state="ACCEPTED", activity="a", due=NOW):
    return Claim(
        id=f"{kind} {activity} {amount}",
        kind=kind,
        role="requestor",
        agreement_id="agreement",
        issuer_id="p",
        recipient_id="r",
        payee_addr="p",
        payer_addr="r",
        platform="erc20-local-tglm",
        amount=Decimal(amount),
        activity_ids=[activity],
        usage=None,
        due=due,
        previous_id=None,
        timestamp=NOW,
        state=state,
    )


def order(of, amount):
    return Order(
        claim_id=of.id,
        agreement_id="agreement",
        activity_id=of.activity_id,
        allocation_id="allocation",
        payee_id="p",
        payee_addr="p",
        platform=of.platform,
        amount=amount,
    )


def part(of, amount):
    return Part(
        payment_id="x",
        agreement_id="agreement",
        activity_id=of.activity_id,
        allocation_id=None,
        amount=amount,
    )


def test_notes_are_cumulative_by_activity():
    notes = [claim(DEBIT_NOTE, 1), claim(DEBIT_NOTE, 3), claim(DEBIT_NOTE, 5, activity="b")]

    assert accepted_total(notes) == 8


def test_invoice_replaces_the_notes():
    assert accepted_total([claim(DEBIT_NOTE, 3), claim(INVOICE, 2)]) == 2


def test_note_without_a_due_date_is_not_paid():
    assert payable(claim(DEBIT_NOTE, 3, due=None), [], []) == 0


def test_note_after_an_accepted_invoice_is_not_paid():
    assert payable(claim(DEBIT_NOTE, 3), [claim(INVOICE, 3)], []) == 0


@given(st.lists(st.tuples(st.sampled_from("ab"), AMOUNTS, st.booleans())), AMOUNTS)
def test_all_orders_of_an_agreement_add_up_to_its_invoice(notes, extra):
    claims, orders = [], []
    for activity, amount, is_due in notes:
        note = claim(DEBIT_NOTE, amount, activity=activity, due=NOW if is_due else None)
        if ordered := payable(note, claims, orders):
            orders.append(order(note, ordered))
        claims.append(note)
    bill = claim(INVOICE, accepted_total(claims) + extra)
    if ordered := payable(bill, claims, orders):
        orders.append(order(bill, ordered))

    assert sum(each.amount for each in orders) == bill.amount


def test_invoice_is_settled_by_all_payments_and_settles_the_notes():
    note, bill = claim(DEBIT_NOTE, 3), claim(INVOICE, 5)

    assert settled_by([note, bill], [part(note, Decimal(3))]) == [note]
    assert settled_by([note, bill], [part(note, Decimal(3)), part(bill, Decimal(2))]) == [bill, note]


def test_claim_of_nothing_is_settled_by_its_acceptance():
    assert settled_by([claim(INVOICE, 0)], []) == [claim(INVOICE, 0)]
    assert settled_by([claim(INVOICE, 0, state="RECEIVED")], []) == []


def test_rejected_claim_is_not_settled():
    bill = claim(INVOICE, 2, state="REJECTED")

    assert settled_by([bill], [part(bill, Decimal(2))]) == []


def test_open_allocation_holds_its_total_until_it_is_paid():
    record = AllocationRecord(
        id="1",
        address="r",
        platform="erc20-local-tglm",
        total=Decimal(10),
        spent=Decimal(4),
        paid=Decimal(1),
        created=NOW,
        timeout=None,
    )
    assert reserved([record], [order(claim(INVOICE, 2), Decimal(2))]) == 11

"""From the debit note to the money on the chain, between two nodes."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from golemnet.daemon.payment.messages import PAYMENT, PAYMENT_DOCUMENT, PartBody, PaymentBody
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE
from golemnet.net.errors import RemoteError
from golemnet.rest.errors import BadRequest, Conflict, GatewayTimeout, Gone
from golemnet.rest.payment import AllocationUpdate, NewDebitNote, Rejection

pytestmark = pytest.mark.chain
ALL = [("requestor", "RECEIVED"), ("provider", "ACCEPTED"), ("provider", "REJECTED"), ("provider", "SETTLED")]


async def note(provider, amount, *, due=None, usage=(100.0, 0.0)):
    new = NewDebitNote(
        activity_id="activity",
        total_amount_due=Decimal(amount),
        usage_counter_vector=list(usage),
        payment_due_date=due,
    )
    claim = await provider.payments.issued.issue_debit_note(new)
    await provider.payments.issued.send(DEBIT_NOTE, claim.id, 5)
    return claim


async def event_types(side, kind=INVOICE):
    events = await side.payments.events(kind, ALL, after=None, limit=100, app_session_id=None, timeout_s=0)
    return [each.type for each in events]


async def test_accepted_invoice_is_paid_on_the_chain_and_settled_on_both_sides(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(10)
    invoice = await provider.invoice("1.10")

    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")

    assert await provider.balance() == Decimal("1.10")
    assert await requestor.balance() == Decimal("998.90")
    [(payment, parts)] = await provider.payments.payments(None, None, 0)
    assert (payment.amount, parts[0].agreement_id) == (Decimal("1.10"), "agreement")
    assert (await requestor.payments.allocations.get(allocation.id)).remaining == Decimal("8.90")
    assert await event_types(requestor) == ["RECEIVED"]
    assert "SETTLED" in await event_types(provider)


async def test_status_tells_the_totals(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1.10")
    await requestor.accept(invoice, await requestor.allocate(10))
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")

    theirs, ours = await provider.payments.accounts.status(), await requestor.payments.accounts.status()

    assert (theirs.incoming_requested, theirs.incoming_accepted, theirs.incoming_confirmed) == (
        Decimal("1.10"),
    ) * 3
    assert (ours.outgoing_confirmed, ours.reserved, ours.amount) == (
        Decimal("1.10"),
        Decimal("8.90"),
        Decimal("998.90"),
    )


async def test_payable_note_is_paid_and_the_invoice_pays_the_rest(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(10)
    first = await note(provider, "0.6", due=datetime.now(UTC) + timedelta(minutes=1))
    await requestor.accept(first, allocation)
    await provider.until(first, "SETTLED")
    assert await provider.balance() == Decimal("0.6")

    invoice = await provider.invoice("1.0")
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")

    assert await provider.balance() == Decimal("1.0")
    assert (await requestor.payments.allocations.get(allocation.id)).spent == Decimal("1.0")


async def test_note_without_due_date_is_paid_by_the_invoice(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(10)
    first = await note(provider, "0.6")
    await requestor.accept(first, allocation)
    invoice = await provider.invoice("0.6")
    await requestor.accept(invoice, allocation)

    await provider.until(invoice, "SETTLED")
    await provider.until(first, "SETTLED")

    assert await provider.balance() == Decimal("0.6")


async def test_invoice_below_what_was_paid_gives_no_budget_back(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(1)
    first = await note(provider, "0.6", due=datetime.now(UTC) + timedelta(minutes=1))
    await requestor.accept(first, allocation)
    invoice = await provider.invoice("0.1")
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")

    assert await provider.balance() == Decimal("0.6")
    assert (await requestor.payments.allocations.get(allocation.id)).remaining == Decimal("0.4")


async def test_allocation_is_charged_for_what_it_pays_although_another_one_was_before(
    world, requestor, provider
):
    world.agree(requestor.id, provider.id)
    first = await requestor.allocate(1)
    await requestor.accept(await note(provider, "0.6"), first)
    await requestor.payments.allocations.release(first.id)
    second = await requestor.allocate(1)
    await requestor.accept(await provider.invoice("0.6"), second)

    assert (await requestor.payments.allocations.get(second.id)).remaining == Decimal("0.4")


async def test_claim_that_was_cancelled_under_way_does_not_hold_up_the_next(world, new_side, provider):
    away = new_side()
    world.agree(away.id, provider.id)
    with pytest.raises(GatewayTimeout):
        await asyncio.wait_for(_send_soon(provider), 20)
    [invoice] = await provider.payments.claims(INVOICE, None, None)
    with pytest.raises(GatewayTimeout):
        await provider.payments.issued.cancel(INVOICE, invoice.id, 1)
    async with away.running():
        await provider.until(invoice, "CANCELLED")
        second = await provider.new_invoice("0.7")
        await provider.payments.issued.send(INVOICE, second.id, 5)
        await provider.until(second, "RECEIVED")


async def test_invoice_of_nothing_is_settled_without_a_transaction(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice(0, activity_ids=())
    await requestor.accept(invoice, await requestor.allocate(1))

    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")

    assert await provider.payments.payments(None, None, 0) == []


async def test_several_agreements_share_a_transaction(world, requestor, provider):
    allocation = await requestor.allocate(10)
    requestor.payments._paying._gather_s = 0.3
    invoices = []
    for n in range(5):
        world.agree(requestor.id, provider.id, agreement_id=f"{n}", activities=(f"activity-{n}",))
        invoices.append(await provider.invoice("0.5", agreement_id=f"{n}", activity_ids=(f"activity-{n}",)))
    for invoice in invoices:
        await requestor.accept(invoice, allocation)
    for invoice in invoices:
        await provider.until(invoice, "SETTLED")

    hashes = {payment.transaction_hash for payment, _ in await provider.payments.payments(None, None, 0)}
    assert len(hashes) == 1
    assert await provider.balance() == Decimal("2.5")


@pytest.mark.parametrize("usage", [(100.0, 0.0), (10**9, 0.0)])
async def test_note_above_its_price_is_refused(world, requestor, provider, usage):
    world.agree(requestor.id, provider.id)
    with pytest.raises(Conflict, match="justify"):
        await note(provider, "9", usage=usage)

    assert await event_types(requestor, DEBIT_NOTE) == []
    assert await event_types(provider, DEBIT_NOTE) == ["REJECTED"]


async def test_invoice_above_what_the_time_can_have_cost_is_refused(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    with pytest.raises(Conflict, match="justify"):
        await provider.invoice("2")


async def test_invoice_for_an_activity_that_never_was_is_refused(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    world.facts["other"] = world.facts["agreement"]
    with pytest.raises(Conflict, match="no activity"):
        await provider.invoice("1", activity_ids=("activity", "invented"))


async def test_rejection_reaches_the_provider(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    rejection = Rejection(rejection_reason="BAD_SERVICE", total_amount_accepted=Decimal(0), message="empty")

    await requestor.payments.received.reject(INVOICE, invoice.id, rejection)

    assert (await provider.until(invoice, "REJECTED")).rejection["message"] == "empty"


async def test_cancelled_invoice_cannot_be_accepted_and_another_may_follow(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(1)
    invoice = await provider.invoice("1")
    await provider.payments.issued.cancel(INVOICE, invoice.id, 5)

    with pytest.raises(Conflict):
        await requestor.accept(invoice, allocation)
    assert (await provider.invoice("0.7")).id != invoice.id


async def test_accepted_invoice_cannot_be_cancelled(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    await requestor.accept(invoice, await requestor.allocate(1))
    with pytest.raises(Conflict):
        await provider.payments.issued.cancel(INVOICE, invoice.id, 5)


async def test_same_invoice_issued_again_is_the_same_and_another_one_is_refused(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")

    assert (await provider.invoice("1")).id == invoice.id
    with pytest.raises(Conflict, match="already"):
        await provider.invoice("0.9")


async def test_acceptance_needs_the_exact_amount_and_funds(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    with pytest.raises(BadRequest, match="Invalid amount"):
        await requestor.accept(invoice, await requestor.allocate(1), Decimal("0.9"))
    with pytest.raises(BadRequest, match="left"):
        await requestor.accept(invoice, await requestor.allocate("0.5"))


async def test_accepting_twice_pays_once(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(5)
    invoice = await provider.invoice("1")
    await asyncio.gather(*[requestor.accept(invoice, allocation) for _ in range(5)])
    await provider.until(invoice, "SETTLED")
    await requestor.accept(invoice, allocation)

    assert (await requestor.payments.allocations.get(allocation.id)).spent == 1
    assert await provider.balance() == 1


async def test_allocations_never_exceed_the_balance(requestor):
    results = await asyncio.gather(*[requestor.allocate(300) for _ in range(5)], return_exceptions=True)

    made = [each for each in results if not isinstance(each, Exception)]
    refused = [each for each in results if isinstance(each, BadRequest)]
    assert (len(made), len(refused)) == (3, 2)
    assert "100 are free" in str(refused[0])
    with pytest.raises(BadRequest, match="Not enough funds"):
        await requestor.payments.allocations.amend(made[0].id, AllocationUpdate(total_amount=Decimal(401)))
    await requestor.payments.allocations.release(made[0].id)
    await requestor.payments.allocations.amend(made[1].id, AllocationUpdate(total_amount=Decimal(700)))


async def test_accepted_funds_stay_reserved_after_the_release(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = 60
    allocation = await requestor.allocate(1000)
    await requestor.accept(await provider.invoice("1"), allocation)
    await requestor.payments.allocations.release(allocation.id)

    with pytest.raises(BadRequest, match="999 are free"):
        await requestor.allocate(1000)


async def test_expired_allocation_reserves_nothing_and_pays_nothing(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    allocation = await requestor.allocate(1000, timeout=soon)
    await asyncio.sleep(2.1)

    with pytest.raises(Gone, match="expired"):
        await requestor.accept(invoice, allocation)
    await requestor.allocate(1000)


async def test_account_without_gas_is_told_to_get_some(provider):
    with pytest.raises(BadRequest, match="yagna payment fund"):
        await provider.allocate(1)


async def test_claim_waits_for_a_requestor_that_is_away(world, new_side, provider):
    away = new_side()
    world.agree(away.id, provider.id)
    with pytest.raises(GatewayTimeout):
        await asyncio.wait_for(_send_soon(provider), 20)
    [invoice] = await provider.payments.claims(INVOICE, None, None)
    async with away.running():
        await provider.until(invoice, "RECEIVED")
        assert await event_types(away) == ["RECEIVED"]


async def _send_soon(provider):
    original = provider.payments.issued.send

    async def impatient(kind, claim_id, _timeout_s):
        await original(kind, claim_id, 0.2)

    provider.payments.issued.send = impatient
    await provider.invoice("1")


async def test_provider_that_is_away_hears_of_its_payment_later(world, requestor, new_side):
    side = new_side()
    world.agree(requestor.id, side.id)
    async with side.running():
        invoice = await side.invoice("1")
    await requestor.accept(invoice, await requestor.allocate(1))
    await requestor.until(invoice, "SETTLED")
    async with side.running():
        await side.until(invoice, "SETTLED")
        assert await side.balance() == 1


async def test_invented_payment_is_not_believed(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "SETTLED")
    [(real, _)] = await requestor.payments.payments(None, None, 0)
    body = PaymentBody(
        id="another",
        payer_id=str(requestor.id),
        payee_id=str(provider.id),
        payer_addr=str(requestor.id),
        payee_addr=str(provider.id),
        platform=real.platform,
        amount=Decimal(1),
        parts=[PartBody(agreement_id="agreement", activity_id=None, amount=Decimal(1))],
        transaction_hash=real.transaction_hash,
        timestamp=datetime.now(UTC),
    )

    for forged, code in [
        (body, "refused"),
        (msgspec.structs.replace(body, transaction_hash="0x" + "1" * 64), "not-yet"),
        (msgspec.structs.replace(body, transaction_hash=real.transaction_hash.upper()), "refused"),
        (msgspec.structs.replace(body, amount=Decimal(2)), "refused"),
        (msgspec.structs.replace(body, payer_id=str(provider.id)), "refused"),
    ]:
        with pytest.raises(RemoteError) as caught:
            await say(requestor, provider, forged)
        assert caught.value.code == code

    assert len(await provider.payments.payments(None, None, 0)) == 1


async def say(sender, receiver, body):
    signed = sender.payments._tidings.signed(PAYMENT_DOCUMENT, body)
    await sender.payments._network.call(receiver.id, PAYMENT, signed, timeout_s=5)

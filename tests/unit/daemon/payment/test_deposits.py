"""Allocations that draw from a deposit of somebody else."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.chain.batch import Payout
from golemnet.daemon.payment import views
from golemnet.daemon.payment.backing import MARGIN
from golemnet.daemon.payment.ledger import balances
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE
from golemnet.model.money import to_wei
from golemnet.rest.errors import BadRequest, Conflict
from golemnet.rest.payment import AllocationUpdate, Deposit, NewDebitNote

from .funder import DAY_S, ask, new_funder, time_passes

pytestmark = [pytest.mark.chain, pytest.mark.timeout(60)]
CAROL = "0x" + "ca" * 20


@pytest.fixture
async def funder(chain):
    async with new_funder(chain.file) as funder:
        yield funder


async def paid(world, requestor, provider, allocation, amount, number=1):
    world.agree(requestor.id, provider.id, agreement_id=f"{number}", activities=(f"a{number}",))
    invoice = await provider.invoice(amount, agreement_id=f"{number}", activity_ids=(f"a{number}",))
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")


async def test_payments_come_from_the_deposit_and_the_rest_goes_back(world, requestor, provider, funder):
    deposit = await funder.deposit(requestor.id, 3, fee="0.25")
    allocation = await requestor.allocate(3, deposit=deposit)
    assert await requestor.payments.allocations.reserved() == 0
    for number in (1, 2):
        await paid(world, requestor, provider, allocation, "0.5", number)
    assert (await provider.balance(), await requestor.balance()) == (1, 1000)

    await requestor.payments.allocations.release(allocation.id)
    await funder.until_closed(deposit)

    assert await funder.balance() == Decimal("998.75")
    assert await requestor.balance() == Decimal("1000.25")
    await all_is_done(requestor)
    assert await provider.payments.reconciling.verify() == []
    assert [each.what for each in await requestor.payments.reconciling.verify()] == [
        "1000 came from the faucet, for no claim."
    ]
    books = await requestor.payments.ledger()
    assert balances(books) == {
        "computation": 1,
        f"owed:{provider.id}": 0,
        f"deposit:{deposit.id}": -1,
        "fees": Decimal("-0.25"),
        "account:erc20-holesky-tglm": Decimal("0.25"),
    }
    assert balances(await provider.payments.ledger()) == {
        f"due:{requestor.id}": 0,
        "work": -1,
        "account:erc20-holesky-tglm": 1,
    }


async def test_account_and_deposit_are_paid_from_side_by_side(world, requestor, provider, funder):
    allocations = [
        await requestor.allocate(1, deposit=await funder.deposit(requestor.id, 1)),
        await requestor.allocate(1),
    ]
    for number, allocation in enumerate(allocations):
        await paid(world, requestor, provider, allocation, "0.5", number)
    assert await requestor.balance() == Decimal("999.5")


async def test_what_is_ordered_is_paid_before_the_deposit_is_closed(world, requestor, provider, funder):
    deposit = await funder.deposit(requestor.id, 1)
    allocation = await requestor.allocate(1, deposit=deposit)
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = 1
    invoice = await provider.invoice("0.5")
    await requestor.accept(invoice, allocation)
    await requestor.payments.allocations.release(allocation.id)
    await provider.until(invoice, "SETTLED")
    await funder.until_closed(deposit)
    assert await funder.balance() == Decimal("999.5")


async def all_is_done(side):
    async with asyncio.timeout(10):
        while await side.effects():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_fee_that_the_chain_has_lost_is_a_mismatch(requestor, funder, chain):
    deposit = await funder.deposit(requestor.id, 3, fee="0.25")
    allocation = await requestor.allocate(3, deposit=deposit)
    [snapshot] = await ask(chain.file, ("evm_snapshot",))
    await requestor.payments.allocations.release(allocation.id)
    await all_is_done(requestor)
    await ask(chain.file, ("evm_revert", snapshot))

    [mismatch] = [each for each in await requestor.payments.reconciling.verify() if each.kind == "mismatch"]
    assert (mismatch.amount, mismatch.what) == (Decimal("0.25"), "The chain does not have the deposit's fee.")


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ({"amount": "4"}, "the deposit has 3 GLM, 4 are needed"),
        ({"id": "0x1234"}, "no such deposit"),
        ({"id": "house"}, "is no id of a deposit"),
        ({"id": "-1"}, "is no id of a deposit"),
        ({"contract": "0x" + "1" * 40}, "is not the contract for deposits"),
        ({"spender": "0x" + "1" * 40}, "not for 0x"),
        ({"timeout": timedelta(days=2)}, "is valid until"),
        ({"validate": {"feeAmount": "0.1"}}, "feeAmount is 0.25, not 0.1"),
        ({"validate": {"feeAmount": "much"}}, "feeAmount is 0.25, not much"),
        ({"validate": {"colour": "red"}}, "has no 'colour' to validate"),
        ({"payment_platform": "voucher-local-tglm"}, "Vouchers are not paid from deposits"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
async def test_deposit_that_does_not_fit_reserves_nothing(requestor, funder, lie, why):
    made = await funder.deposit(lie.get("spender", requestor.id), 3, fee="0.25")
    deposit = Deposit(
        id=lie.get("id", made.id),
        contract=lie.get("contract", made.contract),
        validate=lie.get("validate"),
    )
    more = {"payment_platform": lie.get("payment_platform")}
    if "timeout" in lie:
        more["timeout"] = datetime.now(UTC) + lie["timeout"]
    with pytest.raises(BadRequest, match=why):
        await requestor.allocate(lie.get("amount", "3"), deposit=deposit, **more)
    assert await requestor.payments.allocations.all() == []


async def test_validation_that_fits_is_taken(requestor, funder):
    made = await funder.deposit(requestor.id, 3, fee="0.25")
    deposit = Deposit(
        id=str(int(made.id, 16)),
        contract=made.contract.upper().replace("0X", "0x"),
        validate={"feeAmount": "0.25", "spender": str(requestor.id), "amount": 3},
    )
    allocation = await requestor.allocate(3, deposit=deposit)
    assert allocation.timeout is not None
    decorations = await requestor.payments.allocations.decorations([allocation.id])
    assert decorations.constraints[1] == "(golem.com.payment.protocol.version>2)"


async def test_two_allocations_never_draw_from_one_deposit(requestor, funder):
    deposit = await funder.deposit(requestor.id, 3)
    first = await requestor.allocate(1, deposit=deposit)
    with pytest.raises(Conflict, match="Another allocation draws"):
        await requestor.allocate(1, deposit=deposit)

    more = AllocationUpdate(total_amount=Decimal(3))
    assert (await requestor.payments.allocations.amend(first.id, more)).total == 3
    with pytest.raises(BadRequest, match="Not enough funds"):
        await requestor.payments.allocations.amend(first.id, AllocationUpdate(total_amount=Decimal(4)))


async def test_deposit_is_closed_when_its_allocation_has_expired(requestor, funder):
    deposit = await funder.deposit(requestor.id, 3)
    await requestor.allocate(3, deposit=deposit, timeout=datetime.now(UTC) + timedelta(seconds=2))
    await asyncio.sleep(2.1)
    await requestor.payments.deposits.close_expired()
    await funder.until_closed(deposit)
    assert await funder.balance() == 1000


async def test_allocation_ends_a_margin_before_the_deposit(requestor, funder):
    deposit = await funder.deposit(requestor.id, 3)
    allocation = await requestor.allocate(
        1, deposit=deposit, timeout=datetime.now(UTC) + timedelta(hours=23.97)
    )

    found = await funder.contract.get(int(deposit.id, 16))
    assert allocation.timeout == datetime.fromtimestamp(found.valid_to, UTC) - MARGIN


async def ordered(world, requestor, provider, allocation, amount, waits_s=0.3):
    """An invoice that is accepted, and paid a moment later."""
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = waits_s
    invoice = await provider.invoice(amount)
    await requestor.accept(invoice, allocation)
    return invoice


async def close(requestor, deposit):
    """What another program with the requestor's key may do."""
    await requestor.payments.wallet.deposits().close(int(deposit.id, 16), 10)


async def test_nothing_is_accepted_beyond_what_the_chain_says(world, requestor, provider, funder, chain):
    deposit = await funder.deposit(requestor.id, 3, lasts_s=int(MARGIN.total_seconds()) + 600)
    allocation = await requestor.allocate(3, deposit=deposit)
    await paid(world, requestor, provider, allocation, "0.5")
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    contract = requestor.payments.wallet.deposits()
    await contract.pay_once(
        int(deposit.id, 16), "of another program", [Payout(CAROL, to_wei(Decimal(2)))], 10
    )

    with pytest.raises(BadRequest, match=r"holds 0\.5 GLM, 1\.0 would be accepted and not paid"):
        await requestor.accept(invoice, allocation)
    await time_passes(chain.file, 660)
    with pytest.raises(BadRequest, match="too soon to be sure of a payment"):
        await requestor.accept(invoice, allocation)
    await close(requestor, deposit)
    with pytest.raises(BadRequest, match="is closed"):
        await requestor.accept(invoice, allocation)
    assert (await requestor.payments.claim(INVOICE, invoice.id)).state == "RECEIVED"
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "SETTLED")


async def test_what_is_accepted_and_not_paid_counts(world, requestor, provider, funder):
    deposit = await funder.deposit(requestor.id, 1)
    allocation = await requestor.allocate(1, deposit=deposit)
    await ordered(world, requestor, provider, allocation, "0.6", waits_s=60)
    contract = requestor.payments.wallet.deposits()
    await contract.pay_once(
        int(deposit.id, 16), "of another program", [Payout(CAROL, to_wei(Decimal("0.3")))], 10
    )
    world.agree(requestor.id, provider.id, agreement_id="other", activities=("b",))
    second = await provider.invoice("0.4", agreement_id="other", activity_ids=("b",))

    with pytest.raises(BadRequest, match=r"holds 0\.7 GLM, 1\.0 would be accepted"):
        await requestor.accept(second, allocation)


@pytest.mark.parametrize("gone", ["closed", "ended", "taken back", "emptied"])
async def test_account_pays_what_a_deposit_that_is_gone_does_not(
    world, requestor, provider, funder, chain, gone
):
    deposit = await funder.deposit(requestor.id, 2)
    allocation = await requestor.allocate(2, deposit=deposit)
    await paid(world, requestor, provider, allocation, "0.5")
    invoice = await ordered(world, requestor, provider, allocation, "1.000000000000000001")
    if gone == "closed":
        await close(requestor, deposit)
    elif gone == "emptied":
        contract, everything = requestor.payments.wallet.deposits(), to_wei(Decimal("1.5"))
        await contract.pay_once(int(deposit.id, 16), "of another program", [Payout(CAROL, everything)], 10)
    else:
        await time_passes(chain.file, DAY_S + 60)
    if gone == "taken back":
        await funder.take_back()
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")

    assert await provider.balance() == Decimal("1.500000000000000001")
    assert await requestor.balance() == 1000 - Decimal("1.000000000000000001")
    await funder.until_closed(deposit)
    assert await requestor.payments.allocations.all() == []
    assert await requestor.payments.allocations.reserved() == 0
    for side in (requestor, provider):
        assert [each for each in await side.payments.reconciling.verify() if each.kind != "note"] == []
    sources = [each.credit for each in await requestor.payments.ledger() if each.document == "payment"]
    assert sources == [f"deposit:{deposit.id}", "account:erc20-holesky-tglm"]


async def test_payment_that_nobody_covers_is_said_to_both_sides_and_made_later(
    world, requestor, provider, funder
):
    deposit = await funder.deposit(requestor.id, 2)
    allocation = await requestor.allocate(2, deposit=deposit)
    everything = await requestor.allocate(Decimal("999.5"))
    invoice = await ordered(world, requestor, provider, allocation, "1")
    await close(requestor, deposit)
    why = (
        f"The deposit {deposit.id} that was to pay it is closed, "
        "and the payer's own account does not cover it yet."
    )
    for side, role in ((requestor, "requestor"), (provider, "provider")):
        [event] = await events(side, role, "FAILED")
        assert (event.event_type, event.invoice_id, event.reason) == ("InvoiceFailedEvent", invoice.id, why)
        assert views.invoice(await side.payments.claim(INVOICE, invoice.id)).status == "FAILED"
        assert [
            each.what for each in await side.payments.reconciling.verify() if each.about == invoice.id
        ] == [why]
    assert await provider.balance() == 0

    await requestor.payments.allocations.release(everything.id)
    await requestor.payments.deposits.hurry()
    for side in (provider, requestor):
        await side.until(invoice, "SETTLED")
        assert views.invoice(await side.payments.claim(INVOICE, invoice.id)).status == "SETTLED"
    assert (await provider.balance(), await requestor.balance()) == (1, 999)


async def events(side, role, type_):
    found = await side.payments.events(
        INVOICE, [(role, type_)], after=None, limit=10, app_session_id=None, timeout_s=10
    )
    return [views.invoice_event(each) for each in found]


async def test_notes_that_are_not_due_are_paid_when_the_allocation_is_over(
    world, requestor, provider, funder
):
    deposit = await funder.deposit(requestor.id, 1)
    allocation = await requestor.allocate(1, deposit=deposit)
    world.agree(requestor.id, provider.id)
    for amount in ("0.2", "0.5"):
        new = NewDebitNote(
            activity_id="activity", total_amount_due=Decimal(amount), usage_counter_vector=[100.0, 0.0]
        )
        note = await provider.payments.issued.issue_debit_note(new)
        await provider.payments.issued.send(DEBIT_NOTE, note.id, 5)
        await requestor.accept(note, allocation)
    assert await requestor.payments.payments(None, None, 0) == []

    await requestor.payments.allocations.release(allocation.id)
    await provider.until(note, "SETTLED")
    await funder.until_closed(deposit)
    assert (await provider.balance(), await funder.balance()) == (Decimal("0.5"), Decimal("999.5"))
    invoice = await provider.invoice("0.7")
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "SETTLED")
    assert await provider.balance() == Decimal("0.7")

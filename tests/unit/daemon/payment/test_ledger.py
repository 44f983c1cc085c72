"""The books balance, agree with the chain to the wei, and every difference is explained."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.chain.rpc import JsonRpc
from golemnet.daemon.payment.ledger import balances
from golemnet.daemon.payment.store import DEBIT_NOTE
from golemnet.rest.errors import BadRequest
from golemnet.rest.payment import NewDebitNote, Withdrawal

pytestmark = pytest.mark.chain
PLATFORM = "account:erc20-holesky-tglm"
CAROL = "0x" + "ca" * 20


async def noted_and_paid(world, requestor, provider):
    """A payable debit note and an invoice, both paid."""
    world.agree(requestor.id, provider.id)
    allocation = await requestor.allocate(10)
    new = NewDebitNote(
        activity_id="activity",
        total_amount_due=Decimal("0.6"),
        usage_counter_vector=[100.0, 0.0],
        payment_due_date=datetime.now(UTC) + timedelta(minutes=1),
    )
    note = await provider.payments.issued.issue_debit_note(new)
    await provider.payments.issued.send(DEBIT_NOTE, note.id, 5)
    for claim in (note, await provider.invoice("1.000000000000000001")):
        await requestor.accept(claim, allocation)
        await provider.until(claim, "SETTLED")
        await requestor.until(claim, "SETTLED")


async def findings(side):
    return [(each.kind, each.amount, each.what) for each in await side.payments.reconciling.verify()]


async def test_both_books_balance_and_agree_with_the_chain(world, requestor, provider):
    await noted_and_paid(world, requestor, provider)
    bought, sold = await requestor.payments.ledger(), await provider.payments.ledger()
    amount = Decimal("1.000000000000000001")

    assert balances(bought) == {"computation": amount, f"owed:{provider.id}": 0, PLATFORM: -amount}
    assert balances(sold) == {f"due:{requestor.id}": 0, "work": -amount, PLATFORM: amount}
    assert [each.document for each in sold] == ["debit_note", "invoice", "payment", "payment"]
    assert all(each.transaction for each in sold if each.document == "payment")
    assert await findings(requestor) == [("note", 1000, "1000 came from the faucet, for no claim.")]
    assert await findings(provider) == []


async def test_what_is_accepted_and_not_paid_is_open(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = 60
    invoice = await provider.invoice("0.5")
    await requestor.accept(invoice, await requestor.allocate(1))
    await provider.until(invoice, "ACCEPTED")

    open_ = "Accepted and not paid yet: "
    assert (await findings(requestor))[0] == ("open", Decimal("0.5"), f"{open_}we owe {provider.id}.")
    assert await findings(provider) == [("open", Decimal("0.5"), f"{open_}{requestor.id} owes us.")]


async def test_chain_that_went_back_is_a_mismatch_with_its_reason(world, requestor, provider, chain):
    rpc = JsonRpc(chain.file.rpc_url)
    snapshot = await rpc.call("evm_snapshot")
    await noted_and_paid(world, requestor, provider)
    await rpc.call("evm_revert", snapshot)

    theirs = await findings(provider)
    assert [kind for kind, *_ in theirs] == ["mismatch", "mismatch"]
    assert {what for *_, what in theirs} == {
        "The chain does not have the transaction: it has gone back, or it is another chain."
    }
    ours = [what for kind, _, what in await findings(requestor) if kind == "mismatch"]
    assert set(ours) == {"The chain has lost the transaction; it is stored and is sent again."}
    await requestor.payments.wallet.repair()
    await provider.until_balance(Decimal("1.000000000000000001"))
    assert await findings(provider) == []
    await rpc.close()


async def test_exit_moves_what_is_not_reserved_and_no_more(requestor):
    await requestor.allocate(300)
    with pytest.raises(BadRequest, match="700 are free"):
        await requestor.payments.exit(Withdrawal(to=CAROL, amount=Decimal(701)))
    moved = await requestor.payments.exit(Withdrawal(to=CAROL))

    assert (moved.to, moved.amount) == (CAROL, 700)
    assert await requestor.balance() == 300
    with pytest.raises(BadRequest, match="nothing to move"):
        await requestor.payments.exit(Withdrawal(to=CAROL))
    for nonsense in ("carol", "0x" + "0" * 40):
        with pytest.raises(BadRequest):
            await requestor.payments.exit(Withdrawal(to=nonsense))
    assert ("note", Decimal(700), f"700 went to {CAROL}, for no claim: an exit or another program.") in (
        await findings(requestor)
    )


async def test_two_exits_at_once_do_not_move_more_than_there_is(requestor):
    exits = [requestor.payments.exit(Withdrawal(to=CAROL, amount=Decimal(600))) for _ in range(2)]
    outcomes = await asyncio.gather(*exits, return_exceptions=True)

    assert [isinstance(each, BadRequest) for each in outcomes].count(True) == 1
    assert await requestor.balance() == 400

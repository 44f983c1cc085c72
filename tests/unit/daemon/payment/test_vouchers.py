"""Invoices that are paid by vouchers: settled without a transaction each, and redeemed in one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from golemnet.chain.chain_file import write_chain_file
from golemnet.chain.errors import NoChain
from golemnet.chain.rpc import JsonRpc
from golemnet.daemon.payment import voucher_store
from golemnet.model.money import from_wei
from golemnet.rest.payment import InitAccount

from .deals import Deal

pytestmark = [pytest.mark.chain, pytest.mark.timeout(60)]
VOUCHER = "voucher-local-tglm"


async def transactions(side):
    return await side.payments.wallet.chain().nonce(str(side.id))


def agree(world, requestor, provider, number):
    world.agree(
        requestor.id,
        provider.id,
        agreement_id=f"{number}",
        activities=(f"a{number}",),
        **{"golem.com.payment.chosen-platform": VOUCHER},
    )


async def pay(world, requestor, provider, number, amount, allocation):
    agree(world, requestor, provider, number)
    invoice = await provider.invoice(amount, agreement_id=f"{number}", activity_ids=(f"a{number}",))
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")
    return invoice


async def test_deal_is_paid_by_vouchers_and_redeemed(world, requestor, provider):
    deal = Deal(world, requestor, provider, VOUCHER)
    await deal.work()
    await deal.check()


async def test_ten_invoices_cost_one_deposit_and_one_redemption(world, requestor, provider):
    await provider.payments.init(InitAccount())
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    for number in range(10):
        await pay(world, requestor, provider, number, "0.1", allocation)

    assert await transactions(requestor) == 2  # an approval and a deposit
    assert await transactions(provider) == 0
    assert await provider.payments.taken_vouchers.redeem_due() == 0  # too little, too young
    assert await provider.payments.taken_vouchers.redeem_due(all_of_them=True) == 1
    assert await provider.balance() == 1001
    assert await provider.payments.taken_vouchers.redeem_due(all_of_them=True) == 0
    assert await transactions(provider) == 1


async def test_account_that_was_prepared_needs_one_transaction_for_its_first_payment(
    world, requestor, provider
):
    await provider.payments.init(InitAccount())
    for _ in range(2):
        await requestor.payments.init(InitAccount(platform=VOUCHER))
    assert await transactions(requestor) == 1  # an approval
    assert await transactions(provider) == 0
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.1", allocation)
    assert await transactions(requestor) == 2

    assert (await provider.payments.redeem_vouchers()).redeemed == Decimal("0.1")
    [redemption] = [each for each in await provider.payments.ledger() if each.document == "redemption"]
    receipt = await provider.payments.wallet.chain().receipt(redemption.transaction)
    assert receipt.succeeded


async def test_chain_without_the_contract_is_said_when_an_account_is_prepared(requestor, chain):
    write_chain_file(chain.path, msgspec.structs.replace(chain.file, vouchers=None))
    with pytest.raises(NoChain, match="has no contract for vouchers"):
        await requestor.payments.init(InitAccount(platform=VOUCHER))
    assert await transactions(requestor) == 0


async def test_headroom_never_takes_what_is_reserved(world, requestor, provider):
    allocation = await requestor.allocate("999.5", payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.2", allocation)

    assert await requestor.balance() == Decimal("999.3")  # 0.2, and the 0.5 that nobody had reserved
    assert await requestor.payments.allocations.reserved() == Decimal("999.3")


@pytest.mark.parametrize("reason", ["worth", "age", "expiry", "notice"])
async def test_vouchers_are_redeemed_when_one_is_due(world, requestor, provider, reason, monkeypatch):
    await provider.payments.init(InitAccount())
    allocation = await requestor.allocate(50, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.5", allocation)
    taken = provider.payments.taken_vouchers
    assert await taken.redeem_due() == 0
    module = "golemnet.daemon.payment.vouchers_taken"
    if reason == "worth":
        monkeypatch.setattr(f"{module}.WORTH_IT", Decimal("0.5"))
    elif reason == "age":
        monkeypatch.setattr(f"{module}.OLDEST", timedelta(0))
    elif reason == "expiry":
        monkeypatch.setattr(f"{module}.LEAST_LIFE", timedelta(days=120))
    else:
        await requestor.payments.wallet.vouchers().give_notice([str(provider.id)], 10)

    assert await taken.redeem_due() == Decimal("0.5")


async def test_vouchers_of_many_payers_go_into_one_transaction(world, requestor, provider, new_side):
    await provider.payments.init(InitAccount())
    async with new_side().running() as other:
        await other.payments.init(InitAccount())
        for number, side in enumerate((requestor, other)):
            allocation = await side.allocate(2, payment_platform=VOUCHER)
            await pay(world, side, provider, number, "0.5", allocation)

    assert await provider.payments.taken_vouchers.redeem_due(all_of_them=True) == 1
    assert await transactions(provider) == 1


async def test_chain_that_lost_the_deposit_gets_it_again(world, requestor, provider, chain):
    rpc = JsonRpc(chain.file.rpc_url)
    await provider.payments.init(InitAccount())
    snapshot = await rpc.call("evm_snapshot")
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.5", allocation)
    await rpc.call("evm_revert", snapshot)
    await rpc.close()
    assert await provider.payments.taken_vouchers.redeem_due(all_of_them=True) == 0

    await requestor.payments.wallet.repair()

    assert await provider.payments.taken_vouchers.redeem_due(all_of_them=True) == Decimal("0.5")


async def test_deposits_come_back_after_their_notice_and_the_books_agree(
    world, requestor, provider, chain, monkeypatch
):
    await provider.payments.init(InitAccount())
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.5", allocation)
    await requestor.payments.allocations.release(allocation.id)
    status = await requestor.payments.accounts.status(VOUCHER)
    assert status.set_aside == 5
    assert (await provider.payments.accounts.status(VOUCHER)).unredeemed == Decimal("0.5")

    first = await requestor.payments.exit_vouchers()
    assert (first.withdrawn, first.noticed, first.held) == (0, Decimal("4.5"), Decimal("0.5"))
    left = await provider.payments.exit_vouchers()
    assert left.redeemed == Decimal("0.5")

    rpc = JsonRpc(chain.file.rpc_url)
    await rpc.call("evm_increaseTime", 24 * 3600 + 1)
    await rpc.call("evm_mine")
    await rpc.close()
    tomorrow = datetime.now(UTC) + timedelta(days=1, seconds=1)
    monkeypatch.setattr(requestor.payments._leaving._clock, "now", lambda: tomorrow)
    last = await requestor.payments.exit_vouchers()

    assert (last.withdrawn, last.noticed, last.held) == (Decimal("4.5"), 0, 0)
    assert await requestor.balance() == Decimal("999.5")
    for side in (requestor, provider):
        found = await side.payments.reconciling.verify()
        assert [each.what for each in found if each.kind != "note"] == []
    kinds = {(each.document, each.amount) for each in await requestor.payments.ledger()}
    assert {("deposit", 5), ("payment", Decimal("0.5")), ("withdrawal", Decimal("4.5"))} <= kinds
    assert ("redemption", Decimal("0.5")) in {
        (each.document, each.amount) for each in await provider.payments.ledger()
    }


async def test_notice_is_taken_back_when_the_payer_goes_on(world, requestor, provider):
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.5", allocation)
    await requestor.payments.exit_vouchers()
    await pay(world, requestor, provider, 2, "0.5", allocation)

    standing = await requestor.payments.wallet.vouchers().standing(str(requestor.id), str(provider.id))
    assert standing.notice_ends == 0


async def test_books_without_their_voucher_or_deposit_are_explained(world, requestor, provider, chain):
    rpc = JsonRpc(chain.file.rpc_url)
    snapshot = await rpc.call("evm_snapshot")
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    await pay(world, requestor, provider, 1, "0.5", allocation)
    [unredeemed] = [each for each in await provider.payments.reconciling.verify() if each.kind == "open"]
    assert unredeemed.amount == Decimal("0.5")
    await rpc.call("evm_revert", snapshot)
    await rpc.close()

    found = await provider.payments.reconciling.verify()
    assert "backs 0 GLM of a voucher for 0.5" in found[0].what
    found = await requestor.payments.reconciling.verify()
    assert any("The chain has deposits of 0 GLM, the books 5" in each.what for each in found)


async def test_both_sides_keep_the_same_voucher(world, requestor, provider):
    allocation = await requestor.allocate(2, payment_platform=VOUCHER)
    for number in range(3):
        await pay(world, requestor, provider, number, "0.3", allocation)
    contract = requestor.payments.wallet.vouchers().domain.contract
    found = [
        await side.database.read(
            lambda connection: voucher_store.find(connection, contract, str(requestor.id), str(provider.id))
        )
        for side in (requestor, provider)
    ]
    assert [each.cumulative for each in found] == [Decimal("0.9")] * 2
    assert found[0].signature == found[1].signature
    standing = await requestor.payments.wallet.vouchers().standing(str(requestor.id), str(provider.id))
    assert from_wei(standing.backing) >= Decimal("0.9")

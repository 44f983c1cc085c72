"""Allocations that draw from a deposit of somebody else."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.chain.deposits import deposit_id
from golemnet.daemon.payment.terms import NO_ADDRESS
from golemnet.model.money import to_wei
from golemnet.rest.errors import BadRequest, Conflict
from golemnet.rest.payment import AllocationUpdate, Deposit, InitAccount

pytestmark = [pytest.mark.chain, pytest.mark.timeout(60)]
DAY_S = 24 * 3600


class Funder:
    """Somebody with tokens who lets the requestor pay from them."""

    def __init__(self, side, spender, chain):
        self.side, self.spender, self.contract = side, str(spender.id), chain.file.deposits
        self._number = 0

    async def deposit(self, amount, *, fee="0", spender=None, lasts_s=DAY_S):
        self._number += 1
        valid_to = int(time.time()) + lasts_s
        made = await self.side.payments.wallet.deposits().create(
            self._number,
            spender or self.spender,
            to_wei(Decimal(amount)),
            to_wei(Decimal(fee)),
            valid_to,
            10,
        )
        assert made == deposit_id(str(self.side.id), self._number)
        return Deposit(id=hex(made), contract=self.contract)

    async def until_closed(self, deposit):
        for _ in range(200):
            found = await self.side.payments.wallet.deposits().get(int(deposit.id, 16))
            if found.spender == NO_ADDRESS:
                return
            await self.side.payments._tidings.signal.wait("nothing", 0.05)
        raise AssertionError("the deposit is open")


@pytest.fixture
async def funder(new_side, requestor, chain):
    async with new_side().running() as side:
        await side.payments.init(InitAccount())
        yield Funder(side, requestor, chain)


async def paid(world, requestor, provider, allocation, amount, number=1):
    world.agree(requestor.id, provider.id, agreement_id=f"{number}", activities=(f"a{number}",))
    invoice = await provider.invoice(amount, agreement_id=f"{number}", activity_ids=(f"a{number}",))
    await requestor.accept(invoice, allocation)
    await provider.until(invoice, "SETTLED")
    await requestor.until(invoice, "SETTLED")


async def test_payments_come_from_the_deposit_and_the_rest_goes_back(world, requestor, provider, funder):
    deposit = await funder.deposit(3, fee="0.25")
    allocation = await requestor.allocate(3, deposit=deposit)
    assert await requestor.payments.allocations.reserved() == 0
    for number in (1, 2):
        await paid(world, requestor, provider, allocation, "0.5", number)
    assert (await provider.balance(), await requestor.balance()) == (1, 1000)

    await requestor.payments.allocations.release(allocation.id)
    await funder.until_closed(deposit)

    assert await funder.side.balance() == Decimal("998.75")
    assert await requestor.balance() == Decimal("1000.25")
    for side in (requestor, provider):
        assert [each for each in await side.payments.reconciling.verify() if each.kind != "note"] == []
    credits = {each.credit for each in await requestor.payments.ledger() if each.document == "payment"}
    assert credits == {f"deposit:{deposit.id}"}


async def test_account_and_deposit_are_paid_from_side_by_side(world, requestor, provider, funder):
    allocations = [await requestor.allocate(1, deposit=await funder.deposit(1)), await requestor.allocate(1)]
    for number, allocation in enumerate(allocations):
        await paid(world, requestor, provider, allocation, "0.5", number)
    assert await requestor.balance() == Decimal("999.5")


async def test_what_is_ordered_is_paid_before_the_deposit_is_closed(world, requestor, provider, funder):
    deposit = await funder.deposit(1)
    allocation = await requestor.allocate(1, deposit=deposit)
    world.agree(requestor.id, provider.id)
    requestor.payments._paying._gather_s = 1
    invoice = await provider.invoice("0.5")
    await requestor.accept(invoice, allocation)
    await requestor.payments.allocations.release(allocation.id)
    await provider.until(invoice, "SETTLED")
    await funder.until_closed(deposit)
    assert await funder.side.balance() == Decimal("999.5")


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
    made = await funder.deposit(3, fee="0.25", spender=lie.get("spender"))
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
    made = await funder.deposit(3, fee="0.25")
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
    deposit = await funder.deposit(3)
    first = await requestor.allocate(1, deposit=deposit)
    with pytest.raises(Conflict, match="Another allocation draws"):
        await requestor.allocate(1, deposit=deposit)

    more = AllocationUpdate(total_amount=Decimal(3))
    assert (await requestor.payments.allocations.amend(first.id, more)).total == 3
    with pytest.raises(BadRequest, match="Not enough funds"):
        await requestor.payments.allocations.amend(first.id, AllocationUpdate(total_amount=Decimal(4)))


async def test_deposit_is_closed_when_its_allocation_has_expired(requestor, funder):
    deposit = await funder.deposit(3)
    await requestor.allocate(3, deposit=deposit, timeout=datetime.now(UTC) + timedelta(seconds=0.3))
    await requestor.payments._tidings.signal.wait("nothing", 0.4)
    await requestor.payments.deposits.close_expired()
    await funder.until_closed(deposit)
    assert await funder.side.balance() == 1000

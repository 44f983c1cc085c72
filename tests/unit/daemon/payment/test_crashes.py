"""A node that is killed at any moment of a payment pays each claim once, to the wei, and forgets none.

The moments are what the code passes by itself: before and after each write to its database, each call of its
chain and each message to the other node. A first deal lists them; then there is a deal for each of them.
"""

import asyncio

import pytest

from .deals import killed_and_restarted

pytestmark = [
    pytest.mark.chain,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("silence"),
]
AT_ONCE = 6
LEAST_MOMENTS = {
    ("requestor", "erc20-local-tglm"): 90,
    ("provider", "erc20-local-tglm"): 30,
    ("requestor", "voucher-local-tglm"): 60,
    ("provider", "voucher-local-tglm"): 30,
}
# With vouchers, what comes before the first of these moments is as with transactions.
FIRST_BY_VOUCHER = {"requestor": "write GivenVouchers", "provider": "message payment.claim"}


@pytest.mark.parametrize(("victim", "platform"), LEAST_MOMENTS)
async def test_killed_at_any_moment_and_started_again(world, new_side, chain, tmp_path, victim, platform):
    async def deal(ends_at):
        async with gate:
            try:
                life = await killed_and_restarted(world, new_side, chain, tmp_path, victim, ends_at, platform)
            except Exception as error:
                return error
        return life.over.is_set()

    gate = asyncio.Semaphore(AT_ONCE)
    whole = await killed_and_restarted(world, new_side, chain, tmp_path, victim, None, platform)
    moments = whole.passed if "erc20" in platform else _by_voucher(whole.passed, victim)
    outcomes = dict(zip(moments, await asyncio.gather(*map(deal, moments)), strict=True))

    assert {moment: each for moment, each in outcomes.items() if isinstance(each, Exception)} == {}
    # Receipts are polled: how often differs from run to run, so a late moment may not come again.
    killed = [moment for moment, has_died in outcomes.items() if has_died]
    assert {_kind(each) for each in killed} == {_kind(each) for each in moments}
    assert len(killed) >= LEAST_MOMENTS[victim, platform]


def _by_voucher(moments, victim):
    first = next(index for index, moment in enumerate(moments) if FIRST_BY_VOUCHER[victim] in moment)
    return moments[first:]


def _kind(moment):
    return moment.partition(" #")[0]

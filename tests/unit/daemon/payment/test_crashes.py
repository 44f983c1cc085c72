"""A node that is killed at any moment of a payment pays each claim once, to the wei, and forgets none.

The moments are what the code passes by itself: before and after each write to its database, each call of its
chain and each message to the other node. A first deal lists them. In those after it the node is killed at its
share of them, life after life, until none is left that comes again.
"""

import asyncio
import math
import uuid
from contextlib import asynccontextmanager
from functools import partial

import pytest

from golemnet.testing.anvil_chain import AnvilChain

from .conftest import Side
from .deals import Deal, killed_and_restarted
from .deposit_deals import DepositDeal, EndingDepositDeal

pytestmark = [
    pytest.mark.chain,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("silence"),
]
AT_ONCE = 6
KILLS = 12
DEALS = {
    "transactions": Deal,
    "vouchers": partial(Deal, platform="voucher-local-tglm"),
    "deposit": DepositDeal,
    "deposit that ends": EndingDepositDeal,
}
LEAST_MOMENTS = {
    ("requestor", "transactions"): 100,
    ("provider", "transactions"): 40,
    ("requestor", "vouchers"): 70,
    ("provider", "vouchers"): 50,
    ("requestor", "deposit"): 90,
    ("requestor", "deposit that ends"): 35,
}
# What comes before the first of these moments is as with transactions, or as without an end.
FIRST = {
    ("requestor", "vouchers"): "write GivenVouchers",
    ("provider", "vouchers"): "message payment.claim",
    ("requestor", "deposit"): "Allocations._store_if_covered",
    ("requestor", "deposit that ends"): "gone: ",
}
# What comes after it is as with transactions.
LAST = {"deposit that ends": "after write DepositPaying._move_to_account"}
MUST_COME = {"deposit": "Allocations.release"} | LAST


@pytest.mark.parametrize(("victim", "kind"), LEAST_MOMENTS)
async def test_killed_at_any_moment_and_started_again(world, network, chain, tmp_path, victim, kind):
    async def deal(moments):
        async with gate, chain_for(kind, chain) as its_chain:
            sides = [Side(world, network, tmp_path, its_chain.path) for _ in range(2)]
            try:
                lives = await killed_and_restarted(
                    DEALS[kind](world, *sides), its_chain, tmp_path, victim, moments
                )
            except Exception as error:
                raise AssertionError(f"killed at {moments}") from error
        return lives

    gate = asyncio.Semaphore(AT_ONCE)
    [whole] = await deal(())
    moments = _between(FIRST.get((victim, kind), ""), whole, LAST.get(kind, "no such moment"))
    left, came, many = moments, {""}, math.ceil(len(moments) / KILLS)
    while left and came:
        shares = [left[each::many] for each in range(many)]
        done = await asyncio.gather(*map(deal, shares))
        came = {life[-1] for lives in done for life in lives[:-1]}
        left = [each for each in left if each not in came]
        many = len(left)

    # Receipts are polled: how often differs from run to run, so a late moment may not come again.
    killed = set(moments) - set(left)
    assert {_kind(each) for each in killed} == {_kind(each) for each in moments}
    assert len(killed) >= LEAST_MOMENTS[victim, kind]
    assert any(MUST_COME.get(kind, "") in each for each in killed)


@asynccontextmanager
async def chain_for(kind, chain):
    """A chain of its own for a deal that turns the chain's clock."""
    if kind == "deposit that ends":
        async with AnvilChain(chain.path.parent / str(uuid.uuid4())) as own:
            yield own
    else:
        yield chain


def _between(first, moments, last):
    """The moments from the first that holds a text to the first after it that holds another one."""
    begin = next(index for index, moment in enumerate(moments) if first in moment)
    end = next((index for index, each in enumerate(moments[begin:], begin) if last in each), len(moments))
    return moments[begin : end + 1]


def _kind(moment):
    """Without its number and phase: in which phase a message comes differs from run to run as well."""
    return moment.partition(" #")[0].rpartition(": ")[2]

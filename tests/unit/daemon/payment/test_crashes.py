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
LEAST_MOMENTS = {"requestor": 90, "provider": 30}


@pytest.mark.parametrize("victim", ["requestor", "provider"])
async def test_killed_at_any_moment_and_started_again(world, new_side, chain, tmp_path, victim):
    async def deal(ends_at):
        async with gate:
            try:
                life = await killed_and_restarted(world, new_side, chain, tmp_path, victim, ends_at)
            except Exception as error:
                return error
        return life.over.is_set()

    gate = asyncio.Semaphore(AT_ONCE)
    moments = (await killed_and_restarted(world, new_side, chain, tmp_path, victim, None)).passed
    outcomes = dict(zip(moments, await asyncio.gather(*map(deal, moments)), strict=True))

    assert {moment: each for moment, each in outcomes.items() if isinstance(each, Exception)} == {}
    # Receipts are polled: how often differs from run to run, so a late moment may not come again.
    killed = [moment for moment, has_died in outcomes.items() if has_died]
    assert {_kind(each) for each in killed} == {_kind(each) for each in moments}
    assert len(killed) >= LEAST_MOMENTS[victim]


def _kind(moment):
    return moment.partition(" #")[0]

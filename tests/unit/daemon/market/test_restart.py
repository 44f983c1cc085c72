"""A node stops in the middle, with its database on disk, and comes back."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from golemnet.model.keys import NodeKey
from golemnet.rest.errors import RequestTimeout


class Restartable:
    """A node that can be stopped and started again."""

    def __init__(self, peer_class, network, path):
        self._make = lambda key: peer_class(key, network.node(key), f"sqlite:///{path}")
        self._key = NodeKey.generate()
        self._stack = AsyncExitStack()

    async def start(self):
        return await self._stack.enter_async_context(self._make(self._key).running())

    async def stop(self):
        await self._stack.aclose()


@pytest.fixture
async def nodes(new_deal, peer_class, network, tmp_path):
    requestor = Restartable(peer_class, network, tmp_path / "requestor.sqlite")
    provider = Restartable(peer_class, network, tmp_path / "provider.sqlite")
    deal = new_deal(await requestor.start(), await provider.start())
    await deal.negotiate()
    yield requestor, provider, deal
    await requestor.stop()
    await provider.stop()


async def test_what_was_published_is_published_again(nodes):
    requestor, provider, deal = nodes
    await requestor.stop()
    await provider.stop()
    deal.provider, deal.requestor = await provider.start(), await requestor.start()
    assert [each.offer_id for each in deal.provider.market.publications.offers] == [deal.offer_id]
    assert [each.demand_id for each in deal.requestor.market.publications.demands] == [deal.demand_id]
    # The offer was told of before the restart: it is not told of again.
    assert await deal.requestor.market.events(deal.demand_id, 0.1, 10) == []
    assert await deal.agree()


async def test_a_provider_that_was_down_gets_the_agreement(nodes):
    _, provider, deal = nodes
    agreement_id = await deal.create()
    await provider.stop()
    await deal.requestor.market.agreements.confirm(agreement_id, None)
    deal.provider = await provider.start()
    [event] = await deal.provider.market.events(deal.offer_id, 5, 1)
    assert event.agreement.agreement_id == agreement_id
    await deal.provider.market.agreements.approve(agreement_id, None, 5)
    await deal.requestor.market.agreements.wait(agreement_id, 5)


async def test_a_requestor_that_was_down_commits_later(nodes):
    requestor, _, deal = nodes
    agreement_id = await deal.propose()
    await requestor.stop()
    with pytest.raises(RequestTimeout):
        await deal.provider.market.agreements.approve(agreement_id, None, 0.05)
    deal.requestor = await requestor.start()
    await deal.state(deal.provider, agreement_id, "Approved")
    await deal.state(deal.requestor, agreement_id, "Approved")


async def test_an_approval_survives_the_stop_of_the_provider(nodes):
    requestor, provider, deal = nodes
    agreement_id = await deal.propose()
    await requestor.stop()
    with pytest.raises(RequestTimeout):
        await deal.provider.market.agreements.approve(agreement_id, None, 0.05)
    await provider.stop()
    deal.requestor, deal.provider = await requestor.start(), await provider.start()
    await deal.state(deal.provider, agreement_id, "Approved")
    await deal.state(deal.requestor, agreement_id, "Approved")


async def test_a_termination_is_told_to_a_node_that_was_down(nodes):
    _, provider, deal = nodes
    agreement_id = await deal.agree()
    await provider.stop()
    await deal.requestor.market.agreements.terminate(agreement_id, {"message": "done"})
    deal.provider = await provider.start()
    await deal.state(deal.provider, agreement_id, "Terminated")
    assert (await deal.provider.market.records.termination(agreement_id)).reason == {"message": "done"}


async def test_lost_messages_are_sent_again_and_taken_once(nodes, network):
    _, _, deal = nodes
    network.faults.loss = 0.2
    agreement_id = await deal.create()
    await deal.requestor.market.agreements.confirm(agreement_id, None)
    [event] = await deal.provider.market.events(deal.offer_id, 15, 1)
    assert event.agreement.agreement_id == agreement_id
    await deal.provider.market.agreements.approve(agreement_id, None, 20)
    await deal.requestor.market.agreements.terminate(agreement_id, None)
    await deal.state(deal.provider, agreement_id, "Terminated")
    network.faults.loss = 0.0
    assert await deal.provider.market.events(deal.offer_id, 0.05, 10) == []

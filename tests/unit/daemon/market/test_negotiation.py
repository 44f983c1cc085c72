from __future__ import annotations

import asyncio

import pytest

from golemnet.daemon.market.messages import (
    PROPOSAL,
    PROPOSAL_DOCUMENT,
    ProposalBody,
    pack,
)
from golemnet.daemon.market.states import Role
from golemnet.daemon.market.store import Kind
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey
from golemnet.net.errors import RemoteError
from golemnet.rest.errors import BadRequest, Gone, NotFound


async def test_a_demand_is_told_of_offers_that_came_before_and_after(join):
    requestor, provider = await join(), await join()
    before = await provider.offer(n=1)
    demand_id = await requestor.demand()
    first = await requestor.proposal(demand_id)
    after = await provider.offer(n=2)
    second = await requestor.proposal(demand_id)

    assert [first.properties["n"], second.properties["n"]] == [1, 2]
    assert first.state == "Initial"
    assert first.proposal_id.startswith("R-")
    assert first.issuer_id == provider.key.node_id
    assert before != after
    assert await requestor.market.events(demand_id, 0.0, 10) == []


async def test_offers_that_do_not_match_are_not_told_and_the_report_says_why(join):
    requestor, provider = await join(), await join()
    await provider.offer(**{"golem.node.debug.subnet": "other"})
    await provider.offer(**{"golem.inf.mem.gib": 0.1})
    await requestor.offer()
    demand_id = await requestor.demand()
    assert await requestor.market.events(demand_id, 0.05, 10) == []

    report = await requestor.market.explain(demand_id)
    refused = {each.constraint: each.offers for each in report.refused_by_demand}
    assert (report.offers_seen, report.offers_matched) == (3, 0)
    assert report.subnets == {"other": 1, "test": 2}
    assert refused["(golem.inf.mem.gib>=0.5)"] == 1
    assert refused["(golem.node.debug.subnet=test)"] == 1


async def test_proposals_go_to_and_fro(deal):
    draft = await deal.requestor.market.negotiation.get(deal.demand_id, deal.draft)
    own = await deal.requestor.market.negotiation.get(deal.demand_id, draft.previous)
    copy = await deal.provider.market.negotiation.get(deal.offer_id, draft.previous)

    assert (draft.state, own.state) == ("Draft", "Countered")
    assert draft.properties["extra"] == 1
    assert own.issuer_id == copy.issuer_id == deal.requestor.key.node_id
    assert own.properties == copy.properties
    assert "golem.srv.comp.expiration" in copy.properties


async def test_a_proposal_is_answered_once(deal):
    draft = await deal.requestor.market.negotiation.get(deal.demand_id, deal.draft)
    own = await deal.requestor.market.negotiation.get(deal.demand_id, draft.previous)
    counter = deal.requestor.market.negotiation.counter
    with pytest.raises(Gone):
        await counter(deal.demand_id, own.previous, own.properties, own.constraints)
    with pytest.raises(BadRequest):
        await counter(deal.demand_id, own.proposal_id, own.properties, own.constraints)


async def test_an_answer_must_fit(deal):
    with pytest.raises(BadRequest, match="NotMatching"):
        await deal.requestor.market.negotiation.counter(
            deal.demand_id, deal.draft, {"golem.node.debug.subnet": "other"}, "()"
        )
    assert (await deal.requestor.market.negotiation.get(deal.demand_id, deal.draft)).state == "Draft"


async def test_a_rejection_reaches_the_other_side_and_can_be_taken_back(deal):
    negotiation = deal.requestor.market.negotiation
    await negotiation.reject(deal.demand_id, deal.draft, {"message": "too dear"})
    [event] = await deal.provider.market.events(deal.offer_id, 5, 1)
    assert event.proposal_id == f"P-{deal.draft}"
    assert event.reason == {"message": "too dear"}
    with pytest.raises(Gone):
        await negotiation.reject(deal.demand_id, deal.draft, None)
    await deal.counter(deal.draft)
    assert await deal.agree()


async def test_the_program_learns_that_a_provider_is_gone(deal):
    await deal.provider.market.publications.withdraw(deal.offer_id, Kind.OFFER)
    draft = await deal.requestor.market.negotiation.get(deal.demand_id, deal.draft)
    own = await deal.requestor.market.negotiation.counter(
        deal.demand_id, deal.draft, {"golem.node.debug.subnet": "test", "golem.srv.comp.expiration": 5}, "()"
    )
    [event] = await deal.requestor.market.events(deal.demand_id, 5, 1)
    assert draft.proposal_id == deal.draft
    assert event.proposal_id == f"R-{own.proposal_id}"
    assert "ended" in event.reason["message"]


async def test_a_poll_ends_when_the_subscription_does(deal):
    waiting = asyncio.create_task(deal.requestor.market.events(deal.demand_id, 5, 1))
    await asyncio.sleep(0.01)
    await deal.requestor.market.publications.withdraw(deal.demand_id, Kind.DEMAND)
    with pytest.raises(NotFound):
        await waiting
    with pytest.raises(Gone):
        await deal.requestor.market.publications.withdraw(deal.demand_id, Kind.DEMAND)
    with pytest.raises(NotFound):
        await deal.requestor.market.publications.withdraw("never", Kind.DEMAND)


async def test_a_constraint_that_cannot_be_read_is_refused(join):
    requestor = await join()
    with pytest.raises(ValueError):
        await requestor.demand("(&(a=1)")


async def test_strangers_are_not_believed(deal, network):
    liar_key = NodeKey.generate()
    liar = network.node(liar_key)
    running = asyncio.create_task(liar.run(asyncio.Event()))
    await asyncio.sleep(0)
    provider = deal.provider.key.node_id
    draft = await deal.provider.market.negotiation.get(deal.offer_id, deal.draft)

    def body(**changes):
        content = {
            "demand_id": draft.demand_id,
            "offer_id": deal.offer_id,
            "requestor_id": str(liar_key.node_id),
            "provider_id": str(provider),
            "issuer": Role.REQUESTOR,
            "previous": None,
            "properties": {"golem.node.debug.subnet": "test", "golem.srv.comp.expiration": 5},
            "constraints": "()",
            "created": draft.created,
        }
        return ProposalBody(**{**content, **changes})

    async def refused(document):
        with pytest.raises(RemoteError):
            await liar.call(provider, PROPOSAL, document, timeout_s=1)

    signed = [
        sign(PROPOSAL_DOCUMENT, body(requestor_id=str(deal.requestor.key.node_id)), liar_key),
        sign(PROPOSAL_DOCUMENT, body(previous=deal.draft), liar_key),
        sign(PROPOSAL_DOCUMENT, body(offer_id="none"), liar_key),
        sign(PROPOSAL_DOCUMENT, body(properties={"golem.node.debug.subnet": "other"}), liar_key),
        sign(PROPOSAL_DOCUMENT, body(), NodeKey.generate()),
        sign("market-other", body(), liar_key),
    ]
    for document in signed:
        await refused(pack(document))
    await refused(b"\xc1garbage")
    await refused(b"\xc6\xff\xff\xff\xff")
    await refused(b"x" * 1_000_000)
    assert await deal.provider.market.events(deal.offer_id, 0, 10) == []

    await liar.call(provider, PROPOSAL, pack(sign(PROPOSAL_DOCUMENT, body(), liar_key)), timeout_s=1)
    assert len(await deal.provider.market.events(deal.offer_id, 0, 10)) == 1
    running.cancel()

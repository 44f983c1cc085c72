"""The REST API of two nodes, by our own client and as published clients call it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from golemnet.daemon.routes.market import routes
from golemnet.rest.client import Client
from golemnet.rest.errors import Gone, NotFound, body_of, status_of

NESTED = {"golem": {"node": {"debug": {"subnet": "test"}}, "srv": {"comp": {"expiration": 1700000000000}}}}
OFFER = {"golem.node.debug.subnet": "test", "golem.runtime.name": "vm"}
CONSTRAINT = "(golem.node.debug.subnet=test)"
PREFIX = "/market-api/v1"


@web.middleware
async def _errors(request, handler):
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        return web.Response(status=status_of(error), body=body_of(error), content_type="application/json")


async def _serve(stack, peer):
    application = web.Application(middlewares=[_errors])
    application.add_routes(routes(peer.market))
    server = TestServer(application)
    await server.start_server()
    stack.push_async_callback(server.close)
    return str(server.make_url("")).rstrip("/")


@pytest.fixture
async def urls(join):
    """Addresses of the requestor's and the provider's API."""
    async with AsyncExitStack() as stack:
        yield [await _serve(stack, await join()) for _ in range(2)]


async def test_a_whole_deal_over_the_api(urls):
    async with Client(urls[0], "key") as requestor, Client(urls[1], "key") as provider:
        offer_id = await provider.market.subscribe_offer(OFFER, CONSTRAINT)
        demand_id = await requestor.market.subscribe_demand(NESTED, CONSTRAINT)
        [first] = await requestor.market.demand_events(demand_id, timeout_s=5)
        own = await requestor.market.counter_proposal_demand(
            demand_id, first.proposal.proposal_id, NESTED, CONSTRAINT
        )
        shown = await requestor.market.get_proposal_offer(demand_id, own)
        assert shown.prev_proposal_id == first.proposal.proposal_id
        assert shown.properties["golem.srv.comp.expiration"] == 1700000000000

        [asked] = await provider.market.offer_events(offer_id, timeout_s=5)
        assert asked.proposal.proposal_id == "P-" + own.removeprefix("R-")
        await provider.market.counter_proposal_offer(offer_id, asked.proposal.proposal_id, OFFER, CONSTRAINT)
        [draft] = await requestor.market.demand_events(demand_id, timeout_s=5)

        valid_to = datetime.now(UTC) + timedelta(minutes=1)
        agreement_id = await requestor.market.create_agreement(draft.proposal.proposal_id, valid_to)
        await requestor.market.confirm_agreement(agreement_id, app_session_id="session")
        [wanted] = await provider.market.offer_events(offer_id, timeout_s=5)
        assert wanted.agreement.agreement_id == agreement_id
        await asyncio.gather(
            provider.market.approve_agreement(agreement_id),
            requestor.market.wait_for_approval(agreement_id),
        )
        assert (await requestor.market.get_agreement(agreement_id)).state == "Approved"
        [event] = await requestor.market.agreement_events(app_session_id="session")
        await requestor.market.terminate_agreement(agreement_id, {"message": "done", "extra": 1})
        [ended] = await requestor.market.agreement_events(after=event.event_date, app_session_id="session")
        assert ended.terminator == "Requestor"
        assert await requestor.market.get_termination_reason(agreement_id) == {"message": "done", "extra": 1}
        with pytest.raises(Gone):
            await requestor.market.terminate_agreement(agreement_id)
        assert [each.state for each in await requestor.market.list_agreements()] == ["Terminated"]
        await requestor.market.unsubscribe_demand(demand_id)
        with pytest.raises(NotFound):
            await requestor.market.demand_events(demand_id)


async def test_scans_walk_through_the_offers(urls):
    async with Client(urls[0], "key") as requestor, Client(urls[1], "key") as provider:
        await provider.market.subscribe_offer(OFFER, CONSTRAINT)
        await provider.market.subscribe_offer({"golem.node.debug.subnet": "other"}, "()")
        scan_id = await requestor.market.begin_scan(CONSTRAINT)
        [found] = await requestor.market.collect_scan(scan_id, timeout_s=5)
        assert found.properties == OFFER
        assert await requestor.market.collect_scan(scan_id, timeout_s=0.01) == []
        waiting = asyncio.create_task(requestor.market.collect_scan(scan_id, timeout_s=5))
        await provider.market.subscribe_offer({**OFFER, "new": True}, "()")
        assert [each.properties["new"] for each in await waiting] == [True]
        await requestor.market.end_scan(scan_id)
        with pytest.raises(NotFound):
            await requestor.market.collect_scan(scan_id)


async def test_a_scan_can_be_streamed(urls):
    async with Client(urls[1], "key") as provider, ClientSession() as session:
        await provider.market.subscribe_offer(OFFER, CONSTRAINT)
        answer = await session.post(f"{urls[0]}{PREFIX}/scan", json={"type": "offer"})
        scan_id = await answer.json()
        path = f"{urls[0]}{PREFIX}/scan/{scan_id}/events"
        async with asyncio.timeout(20), session.get(path, headers={"Accept": "text/event-stream"}) as stream:
            lines = [await stream.content.readline() for _ in range(2)]
        assert lines[0] == b"event: offer\n"
        assert json.loads(lines[1].removeprefix(b"data: "))["properties"] == OFFER


async def test_the_report_says_why_nothing_matches(urls):
    async with Client(urls[0], "key") as requestor, Client(urls[1], "key") as provider:
        await provider.market.subscribe_offer(OFFER, CONSTRAINT)
        demand_id = await requestor.market.subscribe_demand(NESTED, "(golem.runtime.name=wasmtime)")
        assert await requestor.market.demand_events(demand_id, timeout_s=0.05) == []
        report = await requestor.market.explain_demand(demand_id)
    assert (report.offers_seen, report.offers_matched) == (1, 0)
    assert report.refused_by_demand[0].constraint == "(golem.runtime.name=wasmtime)"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/demands", {"properties": {}, "constraints": "(&"}, 400),
        ("POST", "/demands", {"properties": {}}, 400),
        ("POST", "/demands", None, 400),
        ("GET", "/demands/none/events", None, 404),
        ("DELETE", "/offers/none", None, 404),
        ("GET", "/agreements/none", None, 404),
        ("GET", "/agreements?state=Nonsense", None, 400),
        ("POST", "/agreements", {"proposalId": "none", "validTo": "2999-01-01T00:00:00Z"}, 400),
        ("POST", "/agreements", {"proposalId": "none", "validTo": "soon"}, 400),
        ("POST", "/scan", {"type": "demand"}, 400),
        ("GET", "/scan/none/events", None, 404),
        ("GET", "/agreementEvents?timeout=0&maxEvents=1000", None, 400),
        ("GET", "/agreementEvents?timeout=0&afterTimestamp=0001-01-01T00:00:00%2B23:59", None, 400),
        ("POST", "/agreements/none/terminate", {"message": {}}, 400),
        ("POST", "/agreements/none/terminate", {"message": "done"}, 404),
        ("POST", "/agreements/none/terminate/reason", None, 404),
        ("DELETE", "/scan/none/events", None, 404),
        ("GET", "/agreementEvents?timeout=0", None, 200),
    ],
)
async def test_bad_requests_get_the_status_that_clients_know(urls, method, path, body, status):
    async with (
        ClientSession() as session,
        session.request(method, f"{urls[0]}{PREFIX}{path}", json=body) as answer,
    ):
        assert answer.status == status
        assert answer.content_type == "application/json"


async def test_clients_of_2020_are_understood(urls):
    """They reject by DELETE, send no reason, and need the word Approved."""
    async with (
        Client(urls[0], "key") as requestor,
        Client(urls[1], "key") as provider,
        ClientSession() as old,
    ):
        offer_id = await provider.market.subscribe_offer(OFFER, CONSTRAINT)
        demand_id = await requestor.market.subscribe_demand(NESTED, CONSTRAINT)
        [first] = await requestor.market.demand_events(demand_id, timeout_s=5)
        path = f"{urls[0]}{PREFIX}/demands/{demand_id}/proposals/{first.proposal.proposal_id}"
        async with old.delete(path) as answer:
            assert answer.status == 204
        async with old.post(path, json={"properties": NESTED, "constraints": CONSTRAINT}) as answer:
            assert answer.status == 201
            own = await answer.json()
        assert own.startswith("R-")
        [asked] = await provider.market.offer_events(offer_id, timeout_s=5)
        await provider.market.counter_proposal_offer(offer_id, asked.proposal.proposal_id, OFFER, CONSTRAINT)
        [draft] = await requestor.market.demand_events(demand_id, timeout_s=5)
        valid_to = datetime.now(UTC) + timedelta(minutes=1)
        agreement_id = await requestor.market.create_agreement(draft.proposal.proposal_id, valid_to)
        await requestor.market.confirm_agreement(agreement_id)
        approving = asyncio.create_task(_approve(provider, offer_id))
        async with old.post(f"{urls[0]}{PREFIX}/agreements/{agreement_id}/wait?timeout=90") as answer:
            assert (answer.status, await answer.json()) == (200, "Approved")
        await approving


async def _approve(provider, offer_id):
    [wanted] = await provider.market.offer_events(offer_id, timeout_s=5)
    await provider.market.approve_agreement(wanted.agreement.agreement_id)

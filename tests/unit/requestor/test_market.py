"""Buying: which offers are answered, who signs, and what is said when nobody suits."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from requestor_doors import NOW, MarketDoor

from golemnet.requestor import market as market_module
from golemnet.requestor.demand import DemandText
from golemnet.requestor.events import AgreementFailed, AgreementSigned, NothingMatched, ProviderRefused
from golemnet.requestor.market import Market
from golemnet.requestor.strategies import LeastExpensiveLinearPayuMS
from golemnet.requestor.unsuitable import reasons
from golemnet.rest.errors import NotFound
from golemnet.rest.market import MatchingReport, ProposalRejectedEvent, Refusal
from golemnet.rest.transport import DaemonHangs
from golemnet.testing.clock import ManualClock

SOON_S = 20.0
COEFFICIENTS = "golem.com.pricing.model.linear.coeffs"
CHEAP, DEAR = {COEFFICIENTS: [0.001, 0.001, 0.0]}, {COEFFICIENTS: [0.1, 0.1, 0.0]}
DEMAND = DemandText({"golem.node.debug.subnet": "demo-1"}, "()")


class TakesAll:
    """A strategy that looks at nothing."""

    async def score_offer(self, offer):
        return 1.0


@asynccontextmanager
async def buying(door, strategy=None):
    events = []
    market = Market(
        SimpleNamespace(market=door), ManualClock(NOW), DEMAND, strategy or TakesAll(), events.append
    )
    await market.publish()
    running = asyncio.create_task(market.run())
    try:
        async with asyncio.timeout(SOON_S):
            yield market, events
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_offer_is_answered_by_the_demand_and_then_signed():
    door = MarketDoor("ann")
    async with buying(door) as (market, events):
        deal = await market.sign()

    assert (deal.candidate.provider_id, deal.candidate.provider_name) == ("0xann", "ann")
    assert len(door.countered) == 1
    assert events == [
        AgreementSigned(agreement_id=deal.agreement_id, provider_id="0xann", provider_name="ann")
    ]


async def test_the_best_offer_is_signed_first():
    door = MarketDoor()
    async with buying(door, LeastExpensiveLinearPayuMS()) as (market, _):
        door.offer("dear", **DEAR)
        door.offer("cheap", **CHEAP)
        await door.idle.wait()
        assert [(await market.sign()).candidate.provider_name for _ in "12"] == ["cheap", "dear"]


async def test_who_does_not_sign_is_passed_over():
    async with buying(MarketDoor("bob", "ann", refusing=("bob",))) as (market, events):
        assert (await market.sign()).candidate.provider_name == "ann"
    assert events[0] == AgreementFailed(provider_id="0xbob", provider_name="bob", reason="No capacity.")


class Refusing:
    """A strategy that dislikes everything."""

    async def score_offer(self, offer):
        return -1.0


async def test_an_offer_that_the_strategy_refuses_is_rejected_with_the_reason():
    door = MarketDoor()
    async with buying(door, Refusing()):
        offer_id = door.offer("ann")
        await door.idle.wait()

    assert door.rejected == {offer_id: {"message": "The price is higher than the requestor's limit."}}
    assert door.countered == []


@pytest.mark.parametrize(
    "nonsense",
    [
        {COEFFICIENTS: [0.1]},
        {COEFFICIENTS: "free"},
        {"golem.inf.cpu.threads": "many"},
        {"golem.inf.cpu.threads": "nan"},
        {"golem.inf.cpu.threads": 0},
        {"golem.inf.cpu.threads": [4]},
        {"golem.inf.cpu.threads": True},
    ],
)
@pytest.mark.parametrize("state", ["Initial", "Draft"])
async def test_an_offer_that_nobody_can_calculate_with_is_refused_and_does_no_harm(nonsense, state):
    door = MarketDoor()
    async with buying(door) as (market, _):
        bad = door.offer("bob", state, **nonsense)
        door.offer("ann")
        assert (await market.sign()).candidate.provider_name == "ann"

    assert list(door.rejected) == ([bad] if state == "Initial" else [])


async def test_the_words_of_a_provider_that_refuses_are_told():
    door = MarketDoor()
    async with buying(door) as (_, events):
        door.tell(ProposalRejectedEvent(event_date=NOW, proposal_id="x", reason={"message": "No capacity."}))
        await door.idle.wait()
    assert events == [ProviderRefused(provider_id="a provider", reason="No capacity.")]


async def test_an_agreement_that_nobody_needs_any_more_is_ended():
    door = MarketDoor("ann")
    approval = asyncio.Event()

    async def wait_for_approval(agreement_id, timeout_s):
        approval.set()
        await asyncio.Event().wait()

    door.wait_for_approval = wait_for_approval
    async with buying(door) as (market, _):
        signing = asyncio.create_task(market.sign())
        await approval.wait()
        signing.cancel()
        await asyncio.gather(signing, return_exceptions=True)
    assert door.ended == ["agreement 0"]


async def test_a_demand_that_the_daemon_has_forgotten_is_published_again():
    door, published = MarketDoor("ann"), []

    async def subscribe(properties, constraints):
        published.append(properties)
        return f"demand {len(published)}"

    async def events(demand_id, *, timeout_s):
        if demand_id == "demand 1":
            raise NotFound("It has expired.")
        return await type(door).demand_events(door, demand_id, timeout_s=timeout_s)

    door.subscribe_demand, door.demand_events = subscribe, events
    async with buying(door) as (market, _):
        await market.sign()
    assert published == [DEMAND.properties] * 2


async def test_it_is_explained_why_nobody_answers(monkeypatch):
    monkeypatch.setattr(market_module, "EXPLAIN_AFTER_S", 0.01)
    door = MarketDoor()
    door.report = report(seen=0)
    async with buying(door) as (_, events):
        await door.explained.wait()
    assert events == [NothingMatched(demand_id="demand", offers_seen=0, reasons=reasons(door.report, ""))]


def report(seen, matched=0, subnets=(), by_demand=(), by_offers=()):
    return MatchingReport(
        demand_id="demand",
        offers_seen=seen,
        offers_matched=matched,
        subnets=dict(subnets),
        refused_by_demand=[Refusal(constraint=constraint, offers=offers) for constraint, offers in by_demand],
        refused_by_offers=[Refusal(constraint=constraint, offers=offers) for constraint, offers in by_offers],
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            report(0),
            ["no offer has reached this node; is any provider on, and `yagna net status` connected?"],
        ),
        (
            report(7, by_demand=[("mem>=64", 2), ("threads>=4", 7)], subnets={"demo-1": 7}),
            ["threads>=4 refused 7", "mem>=64 refused 2"],
        ),
        (report(1, by_offers=[("time<9", 1)]), ["their own time<9 refused us 1 time"]),
        (
            report(3, subnets={"public": 2, "lab": 1}),
            ["nobody is on the subnet demo-1; there are offers on lab (1), public (2)"],
        ),
        (
            report(6, subnets=dict.fromkeys("fedcba", 1)),
            ["nobody is on the subnet demo-1; there are offers on a (1), b (1), c (1), d (1), e (1)"],
        ),
        (report(3, subnets={"public": 2, "demo-1": 1}), []),
    ],
)
def test_the_reasons_are_for_people_and_the_commonest_comes_first(found, said):
    assert reasons(found, "demo-1") == said


def test_who_asks_for_no_subnet_hears_of_none():
    assert reasons(report(3, subnets={"public": 3}), "") == []


def test_who_is_busy_for_this_node_is_why_there_is_no_offer():
    busy = "1 provider (ann) works for other scripts of this node"
    assert reasons(report(0), "", busy) == [busy]
    assert busy in reasons(report(3, by_demand=[("(a=1)", 3)]), "", busy)


async def test_what_may_have_been_signed_while_the_daemon_hung_is_ended():
    door = MarketDoor("ann")

    async def wait_for_approval(agreement_id, timeout_s):
        if agreement_id == "agreement 0":
            door.offer("bob")
            raise DaemonHangs("The daemon does not answer.")

    door.wait_for_approval = wait_for_approval
    async with buying(door) as (market, _):
        deal = await market.sign()
        await door.idle.wait()
    assert deal.agreement_id == "agreement 1"
    assert door.ended == ["agreement 0"]

"""Strategies of the published API: who is good enough, and how an offer is answered."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from golemnet.requestor.published.strategies import Scoring
from yapapi.contrib.strategy import ProviderFilter
from yapapi.events import AgreementConfirmed, AgreementRejected
from yapapi.props import Activity
from yapapi.props.builder import DemandBuilder
from yapapi.props.com import Counter
from yapapi.strategy import (
    SCORE_NEUTRAL,
    SCORE_REJECTED,
    SCORE_TRUSTED,
    DecreaseScoreForUnconfirmedAgreement,
    DummyMS,
    LeastExpensiveLinearPayuMS,
    MarketStrategy,
    PropValueRange,
)

INTERVAL = "golem.com.scheme.payu.debit-note.interval-sec?"
ACCEPT_TIMEOUT = "golem.com.payment.debit-notes.accept-timeout?"


def offer(duration=0.01, cpu=0.01, fixed=0.0, issuer="0xann", **more):
    return SimpleNamespace(
        id="proposal",
        issuer=issuer,
        is_draft=False,
        props={
            "golem.com.scheme": "payu",
            "golem.com.pricing.model": "linear",
            "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
            "golem.com.pricing.model.linear.coeffs": [duration, cpu, fixed],
            **more,
        },
    )


async def test_the_cheaper_the_better():
    strategy = LeastExpensiveLinearPayuMS(expected_time_secs=60)
    cheap, dear = [await strategy.score_offer(offer(duration=price)) for price in (0.01, 0.02)]
    assert SCORE_TRUSTED > cheap > dear > SCORE_NEUTRAL


@pytest.mark.parametrize(
    "dear",
    [offer(duration=0.2), offer(fixed=1.5), offer(cpu=-0.1), offer(**{"golem.com.scheme": "other"})],
)
async def test_who_is_dearer_than_a_cap_is_refused(dear):
    strategy = LeastExpensiveLinearPayuMS(
        max_fixed_price=Decimal(1), max_price_for={Counter.TIME: Decimal("0.1")}
    )
    assert await strategy.score_offer(offer(cpu=5.0)) > 0
    assert await strategy.score_offer(dear) == SCORE_REJECTED


async def test_what_time_does_not_bound_needs_a_cap():
    by_frame = {
        "golem.com.usage.vector": ["golem.usage.duration_sec", "frames"],
        "golem.com.pricing.model.linear.coeffs": [0.01, 0.5, 0.0],
    }
    assert await LeastExpensiveLinearPayuMS().score_offer(offer(**by_frame)) == SCORE_REJECTED
    capped = LeastExpensiveLinearPayuMS(max_price_for={"frames": Decimal("0.5")})
    assert await capped.score_offer(offer(**by_frame)) > 0


async def test_counters_without_a_cap_are_free_or_refused():
    strategy = DummyMS(max_price_for={Counter.TIME: Decimal("0.1")})
    assert await strategy.score_offer(offer(cpu=0.0)) == SCORE_NEUTRAL
    assert await strategy.score_offer(offer()) == SCORE_REJECTED


async def test_only_allowed_providers():
    async def is_bob(issuer):
        return issuer == "0xbob"

    strategy = ProviderFilter(LeastExpensiveLinearPayuMS(), is_bob)
    assert await strategy.score_offer(offer()) == SCORE_REJECTED
    assert await strategy.score_offer(offer(issuer="0xbob")) > 0


async def test_who_has_not_signed_is_liked_less_until_it_does():
    strategy = DecreaseScoreForUnconfirmedAgreement(LeastExpensiveLinearPayuMS(), 0.5)
    job, agreement = SimpleNamespace(id="1"), SimpleNamespace(id="a", provider_id="0xann")
    before = await strategy.score_offer(offer())
    strategy.on_event(AgreementRejected(job, agreement))
    assert await strategy.score_offer(offer()) == before / 2
    assert await strategy.score_offer(offer(issuer="0xbob")) == before
    strategy.on_event(AgreementConfirmed(job, agreement))
    assert await strategy.score_offer(offer()) == before


@pytest.mark.parametrize(
    ("hours", "answered"), [(1, {ACCEPT_TIMEOUT: 30}), (6, {ACCEPT_TIMEOUT: 30, INTERVAL: 120})]
)
async def test_an_offer_is_answered_within_what_is_acceptable(hours, answered):
    demand = DemandBuilder()
    demand.add(Activity(expiration=datetime.now(UTC) + timedelta(hours=hours)))
    proposed = offer(**{ACCEPT_TIMEOUT: 5, INTERVAL: 120})
    answer = await LeastExpensiveLinearPayuMS().respond_to_provider_offer(demand, proposed)
    assert {name: answer.properties[name] for name in answered} == answered
    assert (INTERVAL in answer.properties) == (INTERVAL in answered)
    assert ACCEPT_TIMEOUT not in demand.properties


def test_ranges():
    assert PropValueRange(1, 3).clamp(5) == 3
    assert PropValueRange(1, None).clamp(0) == 1
    assert 2 in PropValueRange(None, 2)
    with pytest.raises(ValueError):
        PropValueRange(3, 1).clamp(2)


async def test_a_strategy_that_fails_refuses():
    class Broken(MarketStrategy):
        async def score_offer(self, offer):
            return offer.props["nothing"]

    assert await Scoring(Broken).score_offer(offer()) == SCORE_REJECTED

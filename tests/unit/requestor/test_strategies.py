"""Which offers a strategy takes, and which it prefers."""

from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.pricing import LinearPricing
from golemnet.requestor.strategies import (
    SCORE_NEUTRAL,
    SCORE_REJECTED,
    SCORE_TRUSTED,
    CheapestFirst,
    DummyMS,
    LeastExpensiveLinearPayuMS,
    OfferView,
)

DURATION, CPU, MEMORY = "golem.usage.duration_sec", "golem.usage.cpu_sec", "golem.usage.gib"


class Counter(Enum):
    TIME = DURATION


def offer(prices, fixed="0"):
    pricing = LinearPricing(list(prices), [Decimal(price) for price in prices.values()], Decimal(fixed))
    return OfferView("0xann", pricing.to_properties())


@pytest.mark.parametrize(
    ("prices", "fixed", "score"),
    [
        ({DURATION: "0.002", CPU: "0.02"}, "0.05", SCORE_NEUTRAL),
        ({DURATION: "0.0021", CPU: "0"}, "0", SCORE_REJECTED),
        ({DURATION: "0", CPU: "0.021"}, "0", SCORE_REJECTED),
        ({DURATION: "0", CPU: "0"}, "0.051", SCORE_REJECTED),
        ({MEMORY: "0"}, "0", SCORE_NEUTRAL),
        ({MEMORY: "0.0001"}, "0", SCORE_REJECTED),  # nobody knows what it will come to
    ],
)
async def test_by_default_whoever_is_not_absurdly_dear_is_taken(prices, fixed, score):
    assert await DummyMS().score_offer(offer(prices, fixed)) == score


@pytest.mark.parametrize("strategy", [LeastExpensiveLinearPayuMS(), CheapestFirst(Decimal(1000))])
async def test_what_time_does_not_bound_is_bought_by_a_price_that_was_named_alone(strategy):
    assert await strategy.score_offer(offer({DURATION: "0.01", MEMORY: "0.0001"})) == SCORE_REJECTED
    capped = CheapestFirst(Decimal(1000), {MEMORY: Decimal("0.5")})
    assert await capped.score_offer(offer({DURATION: "0.01", MEMORY: "0.5"})) > 0
    assert await capped.score_offer(offer({DURATION: "0.01", MEMORY: "0.6"})) == SCORE_REJECTED


@pytest.mark.parametrize(
    ("caps", "prices", "score"),
    [
        ({Counter.TIME: "0.5"}, {DURATION: "0.5"}, SCORE_NEUTRAL),
        ({DURATION: Decimal("0.5")}, {DURATION: "0.6"}, SCORE_REJECTED),
        ({DURATION: Decimal("0.5")}, {CPU: "0.001"}, SCORE_REJECTED),
        ({}, {DURATION: "0.001"}, SCORE_REJECTED),  # no counter may cost anything
        ({}, {DURATION: "0"}, SCORE_NEUTRAL),
    ],
)
async def test_caps_of_the_script_replace_the_default_ones(caps, prices, score):
    assert await DummyMS(max_for_counter=caps).score_offer(offer(prices)) == score


@pytest.mark.parametrize("strategy", [DummyMS(), LeastExpensiveLinearPayuMS()])
async def test_an_offer_without_a_linear_price_is_refused(strategy):
    assert await strategy.score_offer(OfferView("0xann", {})) == SCORE_REJECTED


async def test_the_price_counts_for_the_expected_time():
    long_job, short_job = LeastExpensiveLinearPayuMS(1000), LeastExpensiveLinearPayuMS(1)
    cheap_start, cheap_time = offer({DURATION: "0.01"}, "0"), offer({DURATION: "0.001"}, "1")

    assert await long_job.score_offer(cheap_time) > await long_job.score_offer(cheap_start)
    assert await short_job.score_offer(cheap_start) > await short_job.score_offer(cheap_time)
    assert await short_job.score_offer(offer({DURATION: "0", CPU: "0"})) == SCORE_TRUSTED


PRICES = st.decimals(0, 1000, places=6)


@given(PRICES, PRICES)
async def test_the_cheaper_offer_never_scores_lower(one, other):
    strategy = LeastExpensiveLinearPayuMS()
    scores = [await strategy.score_offer(offer({CPU: price})) for price in sorted([one, other])]
    assert SCORE_TRUSTED >= scores[0] >= scores[1] > SCORE_NEUTRAL

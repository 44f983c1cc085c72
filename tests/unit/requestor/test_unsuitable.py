"""Whom nobody signs with, although his offer suits: too dear for the strategy, or for the whole budget."""

from datetime import timedelta
from decimal import Decimal

from requestor_doors import NOW

from golemnet.model.names import CPU_COUNTER, DURATION_COUNTER
from golemnet.model.pricing import LinearPricing
from golemnet.requestor.candidates import Candidate
from golemnet.requestor.unsuitable import PATIENCE, Unsuitable


def candidate(name: str, second: str, fixed: str = "0") -> Candidate:
    """Who takes as much for a second of time as for one of each of his two processors."""
    prices = (Decimal(second), Decimal(second))
    pricing = LinearPricing((DURATION_COUNTER, CPU_COUNTER), prices, Decimal(fixed))
    return Candidate(f"proposal-{name}", f"0x{name}", name, pricing, 2.0)


def test_who_is_disliked_is_told_of_with_the_lowest_price():
    unsuitable = Unsuitable()
    for each in (candidate("ann", "0.001"), candidate("bob", "0.01"), candidate("ann", "0.001")):
        unsuitable.dislike(each)
    (line,) = unsuitable.reasons(matched=2)
    assert "2 would suit" in line
    assert "takes 10.8 GLM for an hour" in line
    assert unsuitable.shortage(NOW + PATIENCE) == ""


def test_prices_are_rounded_for_people():
    unsuitable = Unsuitable()
    unsuitable.dislike(candidate("ann", "0.00000999999999999999"))
    (line,) = unsuitable.reasons(matched=1)
    assert "takes 0.108 GLM for an hour" in line


def test_a_budget_pays_at_least_for_a_beginning():
    unsuitable = Unsuitable(Decimal("0.06"))
    assert not unsuitable.is_beyond_means(candidate("ann", "0.01"), NOW)
    assert unsuitable.is_beyond_means(candidate("bob", "0.02"), NOW)
    assert unsuitable.is_beyond_means(candidate("eve", "0", fixed="0.07"), NOW)
    (beyond, others) = unsuitable.reasons(matched=3)
    assert "2 would suit" in beyond
    assert "first 2 s cost: 0.07 GLM" in beyond
    assert others.startswith("1 would suit, but refuse")


def test_that_a_budget_is_too_small_is_said_when_cheaper_ones_had_time_to_come():
    unsuitable = Unsuitable(Decimal("0.01"))
    dear = candidate("ann", "0.01")
    assert unsuitable.is_beyond_means(dear, NOW)
    assert unsuitable.shortage(NOW + PATIENCE - timedelta(seconds=1)) == ""
    assert "the cheapest of 1 provider cost up to 0.06 GLM" in unsuitable.shortage(NOW + PATIENCE)
    unsuitable.suits(dear)
    assert unsuitable.shortage(NOW + PATIENCE) == ""


def test_without_a_limit_nothing_is_beyond_means():
    assert not Unsuitable().is_beyond_means(candidate("ann", "1000000"), NOW)

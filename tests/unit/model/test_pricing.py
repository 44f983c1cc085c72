from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.pricing import LinearPricing

PROPERTIES = {
    "golem.com.pricing.model": "linear",
    "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
    "golem.com.pricing.model.linear.coeffs": [0.0001, 0.0002, 0.5],
}


def test_the_fixed_price_comes_last():
    pricing = LinearPricing.from_properties(PROPERTIES)
    assert pricing.fixed == Decimal("0.5")
    assert pricing.cost([10, 2.5]) == Decimal("0.5015")
    assert pricing.cost([0, 0]) == Decimal("0.5")


def test_properties_survive_with_floats_only():
    pricing = LinearPricing(["a"], [Decimal(0)], Decimal(1))
    properties = pricing.to_properties()
    assert [type(each) for each in properties["golem.com.pricing.model.linear.coeffs"]] == [float, float]
    assert LinearPricing.from_properties(properties) == pricing


@pytest.mark.parametrize(
    "changes",
    [
        {"golem.com.pricing.model": "other"},
        {"golem.com.usage.vector": ["a"]},
        {"golem.com.usage.vector": None},
        {"golem.com.pricing.model.linear.coeffs": [0.1, -0.1, 0.0]},
        {"golem.com.pricing.model.linear.coeffs": [0.1, float("nan"), 0.0]},
        {"golem.com.pricing.model.linear.coeffs": [0.1, "0.1", 0.0]},
        {"golem.com.pricing.model.linear.coeffs": 0.1},
    ],
)
def test_prices_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError):
        LinearPricing.from_properties({**PROPERTIES, **changes})


@pytest.mark.parametrize("usage", [[1], [1, 2, 3], [1, -1], [1, float("inf")]])
def test_usage_that_does_not_fit_is_refused(usage):
    with pytest.raises(ValueError):
        LinearPricing.from_properties(PROPERTIES).cost(usage)


_PRICES = st.floats(0, 1e3, allow_nan=False)
_COUNTERS = st.floats(0, 1e7, allow_nan=False)


@given(st.lists(st.tuples(_PRICES, _COUNTERS), max_size=4), _PRICES)
def test_the_cost_is_exact_but_for_the_cut(lines, fixed):
    pricing = LinearPricing(
        [str(number) for number in range(len(lines))],
        [Decimal(str(price)) for price, _ in lines],
        Decimal(str(fixed)),
    )
    cost = Fraction(pricing.cost([used for _, used in lines]))
    exact = Fraction(str(fixed)) + sum(Fraction(str(price)) * Fraction(str(used)) for price, used in lines)
    assert 0 <= exact - cost < Fraction(1, 10**18)

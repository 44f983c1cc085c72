"""What a run may promise: bounded by time, by counters, and in all by the budget."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.pricing import LinearPricing
from golemnet.requestor.budget import GRACE_S, Budget, Meter

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
DURATION, CPU = "golem.usage.duration_sec", "golem.usage.cpu_sec"
PRICING = LinearPricing([DURATION, CPU], [Decimal("0.01"), Decimal("0.02")], Decimal("0.5"))
AMOUNTS = st.decimals(0, 1000, places=18)


def later(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("threads", "seconds", "most"),
    [
        (2, 0, "0.5"),
        (2, 10, "1"),  # 10 * 0.01 + 20 * 0.02 + 0.5
        (1, 10, "0.8"),
        (0.5, 10, "0.8"),  # half a processor may still be used as a whole one
        (2, -10, "0.5"),  # a clock that went back
    ],
)
def test_an_activity_costs_at_most_all_its_processors_all_the_time(threads, seconds, most):
    assert Meter(PRICING, threads, BEGAN).most(later(seconds)) == Decimal(most)


def test_an_activity_that_has_ended_costs_no_more():
    ended = Meter(PRICING, 2, BEGAN, ended=later(10))
    assert ended.most(later(1000)) == ended.most(later(10)) == 1


@pytest.mark.parametrize(("price", "is_bounded"), [("0.001", False), ("0", True)])
def test_time_does_not_bound_other_counters_unless_they_are_free(price, is_bounded):
    pricing = LinearPricing([DURATION, "frames"], [Decimal(1), Decimal(price)], Decimal(0))
    assert Meter(pricing, 1, BEGAN).is_bounded == is_bounded


BY_FRAME = LinearPricing(["frames", DURATION], [Decimal("0.5"), Decimal("0.01")], Decimal(0))


@pytest.mark.parametrize(
    ("amount", "usage", "refusal"),
    [
        ("50.1", [100.0, 10.0], ""),
        ("50.4", [100.0, 10000.0], ""),  # of the time, 40 s with the grace
        ("50.5", [100.0, 10000.0], "50.5 GLM is more than 50.4"),
        ("50.2", [100.0, 10.0], "50.2 GLM is more than 50.1"),
        ("0.1", None, "The debit note does not say what was used."),
        ("0.1", [0.2], "2 counters are priced, 1 are given"),
        ("0.1", [float("nan"), 1.0], "nan is negative, or too large"),
        ("0.1", [-1.0, 1.0], "-1.0 is negative, or too large"),
    ],
)
def test_counters_that_time_does_not_bound_are_believed_and_the_others_are_not(amount, usage, refusal):
    found = Meter(BY_FRAME, 1, BEGAN).claims_too_much(Decimal(amount), usage, later(10))
    assert found.startswith(refusal)
    assert bool(found) == bool(refusal)


def test_what_was_stated_costs_from_then_on():
    meter = Meter(BY_FRAME, 1, BEGAN)
    assert meter.most(later(10)) == Decimal("0.1")
    meter.state([4.0, 10.0])
    meter.state([2.0, 10.0])
    assert meter.most(later(20)) == Decimal("2.2"), "time goes on; frames are as many as were stated at most"


@pytest.mark.parametrize(
    ("amount", "usage", "refusal"),
    [
        ("1", [10.0, 20.0], ""),
        ("0.9", [10.0, 20.0], ""),  # less than the counters cost
        ("1", None, ""),
        # at most 40 s with the grace: 40 * 0.01 + 80 * 0.02 + 0.5
        ("2.5", None, ""),
        ("2.6", None, "2.6 GLM is more than 2.500000000000000000 GLM, the most for the time that passed."),
        ("1.01", [10.0, 20.0], "1.01 GLM is more than the counters cost: 1.000000000000000000 GLM."),
        ("1", [10.0], "2 counters are priced, 1 are given"),
        ("1", [10.0, -20.0], "-20.0 is negative, or too large"),
    ],
)
def test_a_claim_is_held_against_the_time_and_its_own_counters(amount, usage, refusal):
    assert GRACE_S == 30
    assert Meter(PRICING, 2, BEGAN).claims_too_much(Decimal(amount), usage, later(10)) == refusal


@given(st.floats(0, 10**6), st.floats(0, 1), st.integers(1, 64))
def test_an_honest_claim_is_never_refused(seconds, load, threads):
    usage = [seconds, seconds * load * threads]
    meter = Meter(PRICING, threads, BEGAN)
    assert meter.claims_too_much(PRICING.cost(usage), usage, later(seconds)) == ""


@given(AMOUNTS, st.lists(st.tuples(st.sampled_from("abc"), AMOUNTS)))
def test_the_budget_is_never_exceeded_in_whatever_order_claims_come(total, claims):
    budget = Budget(total)
    for agreement_id, amount in claims:
        before, left = budget.of(agreement_id), budget.left
        accepted = budget.promise(agreement_id, amount)

        assert accepted == (amount - before <= left)
        assert budget.of(agreement_id) == (max(before, amount) if accepted else before)
        assert budget.left == total - sum(budget.of(each) for each in "abc") >= 0


def test_claims_of_an_agreement_are_cumulative():
    budget = Budget(Decimal(10))
    assert [budget.promise("a", Decimal(amount)) for amount in (4, 7, 5)] == [True, True, True]
    assert (budget.of("a"), budget.left) == (7, 3)
    assert not budget.promise("b", Decimal("3.000000000000000001"))
    assert budget.promise("b", Decimal(3))

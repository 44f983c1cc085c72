"""What an agreement costs: prices times counters and the start, exactly; and when notes are payable."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_doors import agreement

from golemnet.provider.billing import DEFAULT_NOTE_INTERVAL, payable_until, terms_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTES = "golem.com.scheme.payu.debit-note.interval-sec?"
TIMEOUT = "golem.com.scheme.payu.payment-timeout-sec?"
ACCEPT = "golem.com.payment.debit-notes.accept-timeout?"
MULTI = "golem.srv.caps.multi-activity"
COEFFICIENTS = "golem.com.pricing.model.linear.coeffs"
PRICES = st.floats(0, 1000)
COUNTERS = st.floats(0, 10**7)


def terms(offer=(), demand=()):
    return terms_of(agreement(offer=dict(offer), demand=dict(demand)))


@given(PRICES, PRICES, PRICES, COUNTERS, COUNTERS)
def test_the_bill_is_prices_times_counters_and_the_start_cut_at_a_wei(
    per_s, per_cpu_s, start, seconds, cpu_s
):
    cost = terms({COEFFICIENTS: [per_s, per_cpu_s, start]}).cost([seconds, cpu_s])
    exact = sum(
        Fraction(str(price)) * Fraction(str(count))
        for price, count in ((per_s, seconds), (per_cpu_s, cpu_s), (start, 1))
    )
    assert Fraction(cost) == Fraction(exact * 10**18 // 1, 10**18)


@given(PRICES, COUNTERS, COUNTERS)
def test_who_has_used_more_never_pays_less(price, one, other):
    less, more = sorted([one, other])
    agreed = terms({COEFFICIENTS: [price, price, 1.0]})
    assert agreed.cost([less, less]) <= agreed.cost([less, more]) <= agreed.cost([more, more])


def test_an_activity_that_never_counted_costs_nothing():
    assert terms({COEFFICIENTS: [0.1, 0.1, 5.0]}).cost(None) == 0
    assert terms({COEFFICIENTS: [0.1, 0.1, 5.0]}).cost([0.0, 0.0]) == 5


@pytest.mark.parametrize(
    ("offer", "demand", "interval", "payment", "accept"),
    [
        ({}, {}, DEFAULT_NOTE_INTERVAL, None, None),
        ({NOTES: 30}, {NOTES: 30}, timedelta(seconds=30), None, None),
        ({NOTES: 30}, {NOTES: 31}, DEFAULT_NOTE_INTERVAL, None, None),  # not agreed
        ({NOTES: 30}, {}, DEFAULT_NOTE_INTERVAL, None, None),
        ({NOTES: "30"}, {NOTES: "30"}, DEFAULT_NOTE_INTERVAL, None, None),
        ({TIMEOUT: 60}, {TIMEOUT: 60}, DEFAULT_NOTE_INTERVAL, timedelta(minutes=1), None),
        ({ACCEPT: 0.5}, {ACCEPT: 0.5}, DEFAULT_NOTE_INTERVAL, None, timedelta(seconds=0.5)),
    ],
)
def test_a_term_holds_if_both_sides_name_it_alike(offer, demand, interval, payment, accept):
    agreed = terms(offer, demand)
    assert (agreed.note_interval, agreed.payment_timeout, agreed.accept_timeout) == (
        interval,
        payment,
        accept,
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "several"), [(True, True, True), (True, None, False), (None, True, False)]
)
def test_several_activities_need_both_sides_to_want_them(ours, theirs, several):
    assert terms({MULTI: ours}, {MULTI: theirs}).multi_activity is several


@pytest.mark.parametrize(
    ("payment_timeout", "minutes", "due"),
    [
        (None, 1000, None),  # nothing was agreed: the invoice is paid, notes are not
        (600, 9, None),
        (600, 10, 10),
        (600, 25, 10),
    ],
)
def test_a_note_is_payable_as_often_as_the_payment_timeout(payment_timeout, minutes, due):
    agreed = terms({TIMEOUT: payment_timeout}, {TIMEOUT: payment_timeout})
    now = NOW + timedelta(minutes=minutes)
    assert payable_until(agreed, NOW, now) == (None if due is None else now + timedelta(minutes=due))


@pytest.mark.parametrize(("agreed", "due"), [(None, timedelta(days=1)), (60, timedelta(seconds=60))])
def test_an_invoice_is_due_after_the_payment_timeout_or_a_day(agreed, due):
    assert terms({TIMEOUT: agreed}, {TIMEOUT: agreed}).invoice_due(NOW) == NOW + due


def test_an_agreement_without_a_price_has_no_terms():
    with pytest.raises(ValueError, match="no linear price"):
        terms({"golem.com.pricing.model": "free"})


def test_amounts_are_decimals():
    assert isinstance(terms().cost([1.0, 1.0]), Decimal)

"""Which claims an agreement justifies."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.daemon.payment.terms import exceeds, justified_invoice, justified_note, terms_of
from golemnet.rest.errors import BadRequest
from golemnet.rest.market import Agreement, Demand, Offer

REQUESTOR = "0x" + "1" * 40
PROVIDER = "0x" + "2" * 40
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = {
    "golem.com.pricing.model.linear.coeffs": [0.001, 0.002, 0.5],
    "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
    "golem.com.pricing.model": "linear",
    "golem.inf.cpu.threads": 2,
}
LIFETIME = timedelta(seconds=70)


def agreement(*, approved=NOW, demand=None, offer=None):
    return Agreement(
        agreement_id="agreement",
        demand=Demand(
            properties=demand or {}, constraints="()", demand_id="d", requestor_id=REQUESTOR, timestamp=NOW
        ),
        offer=Offer(
            properties=PRICES | (offer or {}),
            constraints="()",
            offer_id="o",
            provider_id=PROVIDER,
            timestamp=NOW,
        ),
        valid_to=NOW,
        state="Approved",
        timestamp=NOW,
        approved_date=approved,
    )


def test_client_of_2020_names_no_platform_and_no_address():
    terms = terms_of(agreement())

    assert (terms.platform, terms.payer_addr, terms.payee_addr) == ("erc20-holesky-tglm", REQUESTOR, PROVIDER)


def test_platform_and_addresses_come_from_the_agreement():
    platform = "erc20-local-tglm"
    address = f"golem.com.payment.platform.{platform}.address"

    terms = terms_of(
        agreement(
            demand={"golem.com.payment.chosen-platform": platform, address: "0x" + "AB" * 20},
            offer={address: "0x" + "CD" * 20},
        )
    )

    assert (terms.platform, terms.payer_addr, terms.payee_addr) == (
        platform,
        "0x" + "ab" * 20,
        "0x" + "cd" * 20,
    )


def test_agreement_that_was_not_approved_has_no_terms():
    with pytest.raises(BadRequest, match="never approved"):
        terms_of(agreement(approved=None))


@pytest.mark.parametrize("address", ["0x", "nobody", "0x" + "00" * 20, "0x" + "g" * 40])
def test_address_that_would_spoil_a_shared_transaction_is_refused(address):
    with pytest.raises(BadRequest, match="address"):
        terms_of(agreement(offer={"golem.com.payment.platform.erc20-holesky-tglm.address": address}))


def test_note_is_worth_its_usage():
    terms = terms_of(agreement())

    assert justified_note(terms, [50.0, 10.0], LIFETIME) == Decimal("0.57")


def test_time_used_is_at_most_time_passed():
    terms = terms_of(agreement())
    most = Decimal("0.5") + Decimal("0.1") + Decimal("0.4")

    assert justified_note(terms, [1e9, 1e9], LIFETIME) == most
    assert justified_note(terms, None, LIFETIME) == most
    assert justified_invoice(terms, [LIFETIME, LIFETIME]) == 2 * most


def test_usage_of_another_length_justifies_nothing():
    assert justified_note(terms_of(agreement()), [1.0], LIFETIME) == 0


def test_priced_counter_that_time_does_not_bound_is_left_to_the_program():
    offer = {"golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.storage_gib"]}

    assert justified_invoice(terms_of(agreement(offer=offer)), [LIFETIME]) is None
    assert not exceeds(Decimal(10**6), None)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(0, 10**6))
def test_no_note_is_worth_more_than_the_bound(duration, cpu, seconds):
    terms, lifetime = terms_of(agreement()), timedelta(seconds=seconds)

    assert not exceeds(
        justified_note(terms, [duration, cpu], lifetime), justified_note(terms, None, lifetime)
    )

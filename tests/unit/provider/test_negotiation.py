"""What an agent agrees to, what it objects to, and in which words."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.model.pricing import LinearPricing
from golemnet.provider.negotiation import BUSY, Counter, Refusal, answer, expiration, objection

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTES = "golem.com.scheme.payu.debit-note.interval-sec?"
TIMEOUT = "golem.com.scheme.payu.payment-timeout-sec?"
ACCEPT = "golem.com.payment.debit-notes.accept-timeout?"
EXPIRATION = "golem.srv.comp.expiration"
PACKAGE = "golem.srv.comp.task_package"
CHOSEN = "golem.com.payment.chosen-platform"
HASH = "9a3b5d67b0b27746283cb5f287c13eab1beaa12d92a9f536b747c7ae"

PRICING = LinearPricing(["golem.usage.duration_sec"], [Decimal("0.01")], Decimal(0))
OFFER = {
    "golem.com.payment.platform.erc20-local-tglm.address": "0xann",
    NOTES: 120,
    TIMEOUT: 120,
    ACCEPT: 240,
    **PRICING.to_properties(),
}


def milliseconds(ahead):
    return int((NOW + ahead).timestamp() * 1000)


DEMAND = {CHOSEN: "erc20-local-tglm", EXPIRATION: milliseconds(timedelta(minutes=10))}
REFUSED = [
    ({EXPIRATION: None}, "golem.srv.comp.expiration is missing: when does the work end?"),
    ({EXPIRATION: "tomorrow"}, "golem.srv.comp.expiration is missing: when does the work end?"),
    ({EXPIRATION: 1e300}, "golem.srv.comp.expiration is missing: when does the work end?"),
    ({EXPIRATION: milliseconds(timedelta(seconds=4))}, "The work would end before it has begun."),
    ({EXPIRATION: milliseconds(timedelta(days=366))}, "The work would last longer than a year."),
    ({CHOSEN: "erc20-mainnet-glm"}, "We are not paid on erc20-mainnet-glm."),
    ({CHOSEN: None}, "We are not paid on erc20-holesky-tglm."),  # clients of 2020 mean the default one
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_a_demand_that_cannot_be_served_is_neither_answered_nor_signed(changes, words):
    demand = {**DEMAND, **changes}
    assert answer(demand, OFFER, NOW) == Refusal(words)
    assert objection(demand, OFFER, PRICING, NOW) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({PACKAGE: "ubuntu"}, "golem.srv.comp.task_package cannot be read: 'ubuntu' is not of the form"),
        ({NOTES: 0}, f"{NOTES}=0 is not between 1 and 86400."),
        ({TIMEOUT: 90000}, f"{TIMEOUT}=90000 is not between 1 and 86400."),
        ({ACCEPT: 4}, f"{ACCEPT}=4 is not between 5 and 86400."),
        ({ACCEPT: "240"}, f"{ACCEPT}=240 is not between"),
        ({ACCEPT: True}, f"{ACCEPT}=True is not between"),
        ({ACCEPT: float("nan")}, f"{ACCEPT}=nan is not between"),
    ],
)
def test_a_demand_with_odd_terms_is_refused_for_good(changes, words):
    refusal = answer({**DEMAND, **changes}, OFFER, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.message.startswith(words)
    assert refusal.reason()["golem.proposal.rejection.is-final"] is True


def test_a_requestor_may_ask_again_when_the_machine_is_free():
    assert BUSY.reason()["golem.proposal.rejection.is-final"] is False
    assert BUSY.reason()["message"].startswith("No capacity")


@pytest.mark.parametrize(
    "image",
    [
        *(f"hash:sha3:{HASH}:http://a/b", f"hash://sha3:{HASH}:https://a/b"),
        f"hash:sha3:{HASH}:gftp://0x{'a' * 40}/714cafc0-7b",
    ],
)
def test_an_image_may_be_named_in_these_forms(image):
    assert isinstance(answer({**DEMAND, PACKAGE: image}, OFFER, NOW), Counter)


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ({}, {}),  # what the demand does not name is not agreed
        ({NOTES: 30}, {NOTES: 30}),
        ({NOTES: 1, TIMEOUT: 86400, ACCEPT: 5}, {NOTES: 1, TIMEOUT: 86400, ACCEPT: 5}),
    ],
)
def test_we_agree_to_the_terms_that_the_demand_asks_for_and_to_nothing_else(asked, agreed):
    reply = answer({**DEMAND, **asked}, OFFER, NOW)
    fixed = {name: value for name, value in OFFER.items() if name not in (NOTES, TIMEOUT, ACCEPT)}
    assert reply == Counter({**fixed, **agreed})


def test_the_offer_itself_stays_as_it_was():
    before = dict(OFFER)
    answer({**DEMAND, NOTES: 30}, OFFER, NOW)
    assert before == OFFER


def test_what_we_agreed_to_is_signed():
    reply = answer({**DEMAND, NOTES: 30}, OFFER, NOW)
    assert objection(DEMAND, reply.properties, PRICING, NOW) == ""


@pytest.mark.parametrize(
    ("agreed", "words"),
    [
        ({"golem.com.pricing.model.linear.coeffs": [0.009, 0.0]}, "The prices are not those of our offer."),
        ({"golem.com.usage.vector": ["golem.usage.cpu_sec"]}, "The prices are not those of our offer."),
        ({"golem.com.pricing.model": "free"}, "the offer has no linear price"),
    ],
)
def test_no_agreement_over_other_prices_is_signed(agreed, words):
    assert objection(DEMAND, {**OFFER, **agreed}, PRICING, NOW) == words


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (1767225600000, NOW),
        (1767225600000.0, NOW),
        (None, None),
        (True, None),
        ("1767225600000", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
    ],
)
def test_the_end_of_the_work_is_milliseconds_since_1970(value, instant):
    assert expiration({EXPIRATION: value}) == instant

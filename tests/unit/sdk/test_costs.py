"""Estimates and reports: sums that a person can check."""

import asyncio
from decimal import Decimal

import pytest
from requestor_doors import deal

from golemnet.model.money import short_amount
from golemnet.model.pricing import LinearPricing
from golemnet.requestor.events import AgreementSigned, ClaimRejected, TaskStarted
from golemnet.requestor.strategies import SCORE_REJECTED, CheapestFirst, OfferView, price_per_hour
from golemnet.sdk import progress
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.commands import CommandKind
from golemnet.sdk.costs import Book, estimate
from golemnet.sdk.progress import Notes, ending

COUNTERS = ["golem.usage.duration_sec", "golem.usage.cpu_sec"]
CHEAP = LinearPricing(COUNTERS, [Decimal("0.0001"), Decimal("0.0002")], Decimal("0.01"))
DEAR = LinearPricing(COUNTERS, [Decimal("0.001"), Decimal("0.002")], Decimal("0.01"))


def candidate(pricing):
    return deal("agreement", pricing).candidate


def test_an_hour_costs_its_time_its_processors_and_the_beginning():
    assert price_per_hour(CHEAP, 2.0) == 3600 * Decimal("0.0005") + Decimal("0.01")


async def test_who_is_dearer_than_the_limit_is_refused_and_the_cheapest_is_first():
    strategy = CheapestFirst(Decimal(2))
    cheap, dear = [
        await strategy.score_offer(OfferView("0x", pricing.to_properties())) for pricing in (CHEAP, DEAR)
    ]
    assert cheap > 0
    assert dear == SCORE_REJECTED
    assert await CheapestFirst(Decimal(20)).score_offer(OfferView("0x", DEAR.to_properties())) < cheap


def test_an_estimate():
    found = estimate([candidate(DEAR), candidate(CHEAP)], tasks=100, seconds=3.6, workers=1)
    assert found is not None
    assert (found.providers, found.seconds) == (2, 360.0)
    assert found.cheapest_per_hour == Decimal("1.09")
    assert found.cost == Decimal("0.109") + Decimal("0.01")
    assert found.most == Decimal("1.081") + Decimal("0.01")


def test_there_is_no_estimate_without_offers():
    assert estimate([], 1, 1.0, 1) is None


def outcome(provider, seconds, error=None):
    return Outcome(None, error, seconds, f"0x{provider}", provider)


def test_a_report_divides_what_each_provider_cost_by_the_time_of_its_calls():
    book = Book()
    one, two = (Call(CommandKind(name), "", ()) for name in ("one", "two"))
    book.note(one, outcome("ann", 3.0))
    book.note(two, outcome("ann", 1.0, ValueError()))
    book.note(two, outcome("bob", 2.0))
    book.note_failure("0xbob", "bob")
    report = book.report({"0xann": ("ann", Decimal(4)), "0xbob": ("bob", Decimal(5))}, Decimal(9))
    assert [(each.provider, each.tasks, each.failed, each.cost) for each in report.providers] == [
        ("ann", 2, 0, Decimal(4)),
        ("bob", 1, 1, Decimal(5)),
    ]
    assert [(each.task, each.count, each.errors, each.cost) for each in report.tasks] == [
        ("one", 1, 0, Decimal(3)),
        ("two", 2, 1, Decimal(6)),
    ]
    assert sum(each.cost for each in report.tasks) == report.spent
    assert ending(report).splitlines()[0] == "9 GLM"


@pytest.mark.parametrize(("total", "shown"), [(None, "0 providers, 0 s"), (4, "0/4 done, 0 providers, 0 s")])
def test_the_line_that_changes(total, shown):
    notes = Notes(shows=False)
    notes.total = total
    assert notes.line() == shown
    notes.cost = lambda: Decimal("0.0123456789")
    notes(AgreementSigned(agreement_id="1", provider_id="0xann", provider_name="ann"))
    assert "1 provider, up to 0.012345 GLM" in notes.line()


async def test_time_goes_on_while_nothing_happens_until_the_end(monkeypatch):
    monkeypatch.setattr(progress, "TICK_S", 0.01)
    looks = asyncio.Semaphore(0)
    notes = Notes(shows=True)
    notes.cost = lambda: looks.release() or Decimal(0)
    notes(TaskStarted(data="1", provider_name="ann"))
    async with asyncio.timeout(20):
        for _ in range(5):
            await looks.acquire()
    notes.close()
    while not looks.locked():
        await looks.acquire()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(looks.acquire(), 0.1)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0"),
        ("999.9999999", "999.999999"),
        ("0.00000012345", "0.00000012"),
        ("1E-18", "0.000000000000000001"),
    ],
)
def test_amounts_are_short_for_people_and_never_more_than_there_is(amount, shown):
    assert short_amount(Decimal(amount)) == shown


def test_a_claim_that_is_rejected_is_told_once_for_an_agreement(capsys):
    notes = Notes(shows=False)
    for agreement in ("a", "a", "b"):
        notes(ClaimRejected(agreement_id=agreement, amount=Decimal(2), reason="The budget has 1 GLM left."))
    assert capsys.readouterr().err.count("claim of 2 GLM rejected") == 2

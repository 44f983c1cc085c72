"""Which claims of providers are accepted, and which are refused with what arithmetic."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requestor_doors import NOW, PRICING, PaymentDoor, deal

from golemnet.model.pricing import LinearPricing
from golemnet.requestor import payments
from golemnet.requestor.budget import Budget
from golemnet.requestor.events import ClaimRejected, InvoiceAccepted
from golemnet.requestor.payments import Cashier
from golemnet.rest.errors import Conflict, InternalError
from golemnet.testing.clock import ManualClock

DEAR = LinearPricing(["golem.usage.duration_sec"], [Decimal(1000)], Decimal(0))


class Office:
    """A cashier at work, its clock, and what it says."""

    def __init__(self, budget):
        self.clock, self.door, self.events = ManualClock(NOW), PaymentDoor(), []
        client = SimpleNamespace(payment=self.door)
        self.budget = Budget(Decimal(budget))
        self.cashier = Cashier(client, self.clock, self.budget, "allocation", self.events.append)

    def agree(self, agreement_id, *activity_ids, pricing=PRICING):
        signed = deal(agreement_id, pricing)
        self.cashier.open(signed)
        for activity_id in activity_ids:
            self.cashier.start_meter(signed, activity_id, self.clock.now())
        return signed


@asynccontextmanager
async def office(budget=10):
    opened = Office(budget)
    running = asyncio.create_task(opened.cashier.run(NOW))
    try:
        yield opened
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_justified_invoice_is_accepted_and_counted():
    async with office() as here:
        here.agree("a", "activity")
        await here.clock.advance(10)
        await here.door.claim_invoice("a", "0.8")

        assert [each.amount for each in here.door.accepted] == [Decimal("0.8")]
        assert here.events == [InvoiceAccepted(agreement_id="a", provider_name="ann", amount=Decimal("0.8"))]
        assert here.budget.left == Decimal("9.2")
        assert here.cashier.owing() == []


@pytest.mark.parametrize(
    ("budget", "amount", "reason"),
    [
        # 40 s with the grace: 40 * 0.01 + 40 * 0.02 + 0.5
        (10, "1.8", "1.8 GLM is more than 1.700000000000000000 GLM, the most for the time that passed."),
        (1, "1.1", "The budget has 1 GLM left."),
    ],
)
async def test_an_invoice_that_is_not_justified_is_rejected_with_the_arithmetic(budget, amount, reason):
    async with office(budget) as here:
        here.agree("a", "activity")
        await here.clock.advance(10)
        invoice_id = await here.door.claim_invoice("a", amount)

        assert here.door.accepted == []
        rejection = here.door.rejected[invoice_id]
        assert (rejection.rejection_reason, rejection.message) == ("INCORRECT_AMOUNT", reason)
        assert here.events == [ClaimRejected(agreement_id="a", amount=Decimal(amount), reason=reason)]
        assert here.budget.promised == 0


@pytest.mark.parametrize(
    ("activity", "amount", "usage", "reason"),
    [
        ("other", "0.1", None, "The activity is not one of ours."),
        ("activity", "1.8", None, "1.8 GLM is more than 1.7"),
        ("activity", "0.9", [10.0, 10.0], "0.9 GLM is more than the counters cost: 0.8"),
        ("activity", "1.6", None, "The budget has 1.5 GLM left."),
    ],
)
async def test_a_debit_note_that_is_not_justified_is_rejected_with_the_arithmetic(
    activity, amount, usage, reason
):
    async with office("1.5") as here:
        here.agree("a", "activity")
        await here.clock.advance(10)
        note_id = await here.door.claim_note("a", activity, amount, usage)

        assert here.door.accepted == []
        assert here.door.rejected[note_id].message.startswith(reason)


async def test_a_claim_that_the_daemon_does_not_let_us_accept_is_not_in_the_way_of_others():
    async with office() as here:
        here.agree("a", "activity")
        here.agree("b", "activity")
        here.door.troubles = [Conflict("The document is cancelled.")]
        await here.door.claim_invoice("a", "0.5")
        await here.door.claim_invoice("b", "0.5")

        assert [each.agreement_id for each in here.door.accepted] == ["b"]
        assert here.cashier.owing() == ["ann"]


async def test_a_claim_is_accepted_when_the_daemon_has_recovered():
    async with office() as here:
        here.agree("a", "activity")
        here.door.troubles = [InternalError("The database is locked."), InternalError("Again.")]
        claiming = asyncio.create_task(here.door.claim_invoice("a", "0.5"))
        while not here.door.accepted:
            await asyncio.sleep(0)
            await here.clock.advance(1)
        await claiming
        assert here.cashier.owing() == []


async def test_what_time_does_not_bound_is_paid_as_debit_notes_have_stated_it_within_the_budget():
    by_frame = LinearPricing(["frames"], [Decimal("0.5")], Decimal(0))
    async with office(budget=4) as here:
        for agreement_id in "abc":
            here.agree(agreement_id, f"activity of {agreement_id}", pricing=by_frame)
        await here.door.claim_note("a", "activity of a", "1", [2.0])
        here.door.keep_note("a", "activity of a", "1.5", [3.0])
        await here.door.claim_invoice("a", "1.5")  # its last note is read first
        await here.door.claim_invoice("b", "0.5")
        await here.door.claim_note("c", "activity of c", "3", [6.0])

        assert here.door.owed() == Decimal("1.5")
        assert [each.message for each in here.door.rejected.values()] == [
            "0.5 GLM is more than 0E-18 GLM, the most for the time that passed.",
            "The budget has 2.5 GLM left.",
        ]


async def test_what_late_invoices_may_ask_for_is_known():
    """At most for the time that was worked, with the grace, besides what was accepted."""
    async with office() as here:
        for agreement_id in "ab":
            here.agree(agreement_id, f"activity of {agreement_id}")
        await here.clock.advance(10)
        await here.door.claim_note("a", "activity of a", "0.4")
        both = here.cashier.late(here.clock.now())
        await here.door.claim_invoice("b", "0.3")
        only = here.cashier.late(here.clock.now())
        assert 0 < only < both < 10
        assert only + Decimal("0.4") == both - only
        await here.door.claim_invoice("a", "0.5")
        assert here.cashier.late(here.clock.now()) == 0


async def test_the_time_of_an_agreement_ends_with_its_work():
    async with office() as here:
        signed = here.agree("a", "activity")
        await here.clock.advance(10)
        here.cashier.stop_meters(signed)
        await here.clock.advance(1000)
        here.cashier.stop_meters(signed)
        await here.door.claim_invoice("a", "1.8")

        assert here.door.accepted == []


async def test_claims_of_strangers_and_second_invoices_are_not_answered():
    async with office() as here:
        here.agree("a", "activity")
        await here.door.claim_invoice("stranger", "0.1")
        await here.door.claim_invoice("a", "0.4", status="CANCELLED")
        await here.door.claim_invoice("a", "0.5")
        await here.door.claim_invoice("a", "0.6")
        await here.door.claim_note("a", "activity", "0.6")

        assert [each.amount for each in here.door.accepted] == [Decimal("0.5")]
        assert here.door.rejected == {}


async def test_what_a_run_may_have_cost_is_the_larger_of_time_and_promises():
    async with office() as here:
        signed = here.agree("a", "activity")
        assert here.cashier.most(here.clock.now()) == Decimal("0.5")
        await here.door.claim_note("a", "activity", "1")
        assert here.cashier.most(here.clock.now()) == 1
        await here.clock.advance(100)
        assert here.cashier.most(here.clock.now()) == Decimal("3.5")
        here.cashier.stop_meters(signed)
        await here.door.claim_invoice("a", "1.25")
        assert here.cashier.most(here.clock.now()) == Decimal("1.25")


async def test_settling_waits_for_the_last_invoice_and_names_who_is_late():
    async with office() as here:
        here.agree("a", "activity")
        assert await here.cashier.settle(0.01) == ["ann"]
        settling = asyncio.create_task(here.cashier.settle(5))
        await here.door.claim_invoice("a", "0.5")
        assert await settling == []


async def test_who_is_gone_is_not_waited_for_as_long_as_others(monkeypatch):
    monkeypatch.setattr(payments, "GONE_S", 0.2)
    async with office() as here:
        here.agree("here", "activity")
        here.cashier.gone(here.agree("gone", "activity"))
        settling = asyncio.create_task(here.cashier.settle(30))
        await asyncio.sleep(0.3)
        assert not settling.done(), "the other one's invoice is still to come"
        await here.door.claim_invoice("here", "0.5")
        async with asyncio.timeout(20):
            assert await settling == ["ann"]


async def test_an_agreement_of_a_killed_run_is_paid_for_its_time_and_no_longer():
    async with office() as here:
        began = here.clock.now()
        await here.clock.advance(1000)
        for name in ("a", "b"):
            here.cashier.inherit(deal(name), began, began + timedelta(seconds=10))
        await here.door.claim_note("a", "unknown", "0.5", [1.0, 1.0])
        await here.door.claim_invoice("a", "0.8")
        dear = await here.door.claim_invoice("b", "9")
        assert [each.amount for each in here.door.accepted] == [Decimal("0.8")]
        assert list(here.door.rejected) == [dear]


CLAIMS = st.tuples(st.sampled_from(["note", "invoice"]), st.sampled_from("ab"), st.sampled_from("xy"))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(CLAIMS, st.integers(0, 12)), max_size=12))
@example([(("note", "a", "x"), 6), (("note", "a", "x"), 0), (("note", "a", "y"), 6)])
def test_whatever_providers_claim_in_whatever_order_no_more_than_the_budget_is_owed(claims):
    async def scenario():
        async with office(10) as here:
            for agreement_id in "ab":
                here.agree(agreement_id, "x", "y", pricing=DEAR)
            await here.clock.advance(10)
            for (kind, agreement_id, activity_id), amount in claims:
                if kind == "note":
                    await here.door.claim_note(agreement_id, activity_id, amount)
                else:
                    await here.door.claim_invoice(agreement_id, amount)
                assert here.door.owed() <= here.budget.promised <= 10

    asyncio.run(scenario())


async def test_an_agreement_that_another_program_may_go_on_with_is_not_left_to_who_winds_up():
    async with office() as here:
        changes = []
        here.cashier.on_change = lambda: changes.append(sorted(here.cashier.unpaid()))
        for agreement_id in "abc":
            here.agree(agreement_id)
        here.cashier.lend("a")
        here.cashier.keep(deal("b"))
        await here.door.claim_invoice("c", "0.5")
        assert changes == [["a"], ["a", "b"], ["a", "b", "c"], ["b", "c"], ["c"], []]


async def test_what_another_script_has_accepted_of_a_killed_one_is_not_waited_for():
    async with office() as here:
        here.cashier.inherit(deal("a"), NOW, NOW)
        assert here.cashier.unpaid() == {"a": NOW}
        await here.door.claim_invoice("a", "0.8", status="SETTLED")

        assert (here.door.accepted, here.cashier.owing(), here.cashier.unpaid()) == ([], [], {})
        assert here.budget.left == here.cashier.left() == Decimal("9.2")

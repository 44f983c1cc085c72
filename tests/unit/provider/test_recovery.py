"""Wherever the agent dies, its next start closes and bills what was open: once, in full."""

from itertools import count

import pytest
from provider_doors import NOW, Crash, Daemon, agreement, cost

from golemnet.provider.bookkeeping import Bookkeeping
from golemnet.provider.journal import Journal
from golemnet.provider.records import ActivityEnded, Ended
from golemnet.provider.recovery import Recovery, approval
from golemnet.provider.states import State
from golemnet.testing.clock import ManualClock

USAGE = {"x": [10.0, 5.0], "y": [1.0, 0.0]}


class Provider:
    """A daemon and a data directory, in which agents come and go."""

    def __init__(self, folder):
        self.daemon, self.path = Daemon(), folder / "journal.jsonl"
        self.daemon.usage = dict(USAGE)

    async def start_agent(self):
        client, clock, journal = self.daemon.client, ManualClock(NOW), Journal(self.path)
        books = Bookkeeping(client, journal, clock)
        try:
            await Recovery(client, clock, journal, books).run()
        finally:
            await books.finish()

    def record(self, agreement_id="agreement"):
        return Journal(self.path).get(agreement_id)


@pytest.fixture
def provider(tmp_path):
    return Provider(tmp_path)


async def test_an_agreement_that_was_left_open_is_closed_and_billed(provider):
    provider.daemon.has_agreement(agreement(), "x", "y")
    await provider.start_agent()

    assert provider.daemon.terminated == {"agreement": "Shutdown"}
    assert set(provider.daemon.ended_activities.values()) == {"The provider agent was restarted."}
    invoice = provider.daemon.invoices["agreement"]
    assert (invoice.amount, invoice.activity_ids) == (cost(*USAGE.values()), ["x", "y"])
    record = provider.record()
    assert (record.state, record.requestor_name) == (State.INVOICED, "my laptop")


async def test_an_activity_that_was_billed_before_is_billed_as_it_was(provider):
    signed = agreement()
    provider.daemon.has_agreement(signed, "x", "y")
    journal = Journal(provider.path)
    facts = {"agreement_id": "agreement", "at": NOW}
    await journal.add(approval(signed, NOW))
    await journal.add(ActivityEnded(**facts, activity_id="x", usage=[2.0, 0.0], cost=cost([2.0, 0.0])))
    await provider.start_agent()

    assert provider.daemon.invoices["agreement"].amount == cost([2.0, 0.0], USAGE["y"])
    assert list(provider.daemon.ended_activities) == ["y"]


async def test_an_agreement_that_had_ended_gets_its_invoice_only(provider):
    signed = agreement()
    provider.daemon.has_agreement(signed)
    journal = Journal(provider.path)
    await journal.add(approval(signed, NOW))
    await journal.add(Ended(agreement_id="agreement", at=NOW, reason="Success"))
    await provider.start_agent()

    assert provider.daemon.terminated == {}
    assert (provider.record().state, provider.record().reason) == (State.INVOICED, "Success")


async def test_an_invoice_is_not_sent_again(provider):
    provider.daemon.has_agreement(agreement(), "x")
    await provider.start_agent()
    provider.daemon.terminated.clear()
    sent = list(provider.daemon.sent)
    await provider.start_agent()
    assert provider.daemon.sent == sent


async def test_an_agreement_that_cannot_be_closed_does_not_keep_others_open(provider):
    lost = agreement("lost")
    await Journal(provider.path).add(approval(lost, NOW))
    provider.daemon.has_agreement(agreement("priceless", offer={"golem.com.pricing.model": "free"}))
    provider.daemon.has_agreement(agreement("good"), "x")
    await provider.start_agent()

    assert list(provider.daemon.invoices) == ["good"]


async def test_of_many_activities_none_is_forgotten(provider):
    activities = [f"x{number}" for number in range(250)]
    provider.daemon.usage = {each: [1.0, 0.0] for each in activities}
    provider.daemon.has_agreement(agreement(), *activities)
    provider.daemon.usage["y"] = [5.0, 0.0]
    provider.daemon.has_agreement(agreement("other"), "y")
    await provider.start_agent()
    assert provider.daemon.invoices["agreement"].amount == cost(*[[1.0, 0.0]] * 250)


@pytest.mark.parametrize("lost", [True, False], ids=["the call was lost", "only its answer was lost"])
async def test_at_whatever_call_the_agent_dies_the_next_one_sends_one_full_invoice(tmp_path, lost):
    for last_call in count(1):
        provider = Provider(tmp_path / str(last_call))
        provider.daemon.has_agreement(agreement(), "x", "y")
        provider.daemon.crash_at, provider.daemon.lost = last_call, lost
        try:
            await provider.start_agent()
        except Crash:
            await provider.start_agent()

        invoice, record = provider.daemon.invoices["agreement"], provider.record()
        assert invoice.amount == record.amount == cost(*USAGE.values())
        assert record.state is State.INVOICED
        assert invoice.invoice_id in provider.daemon.sent
        assert provider.daemon.terminated == {"agreement": "Shutdown"}
        if provider.daemon.calls < last_call:
            break
    assert last_call > 10

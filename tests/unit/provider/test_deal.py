"""An agreement at work: whatever happens in whatever order, it ends, nothing runs on, and all is billed."""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_units import PlainStarter
from provider_doors import EXPIRES, NOW, Daemon, agreement, cost

from golemnet.provider import exe_units
from golemnet.provider.bookkeeping import Bookkeeping
from golemnet.provider.deal import ActivityUnwanted, ActivityWanted, Deal, NoteAnswered, Over, UnitEnded
from golemnet.provider.exe_units import Workshop
from golemnet.provider.journal import Journal
from golemnet.provider.recovery import approval
from golemnet.provider.states import State
from golemnet.testing.clock import ManualClock

SOON_S = 20.0
NOTES = {"golem.com.scheme.payu.debit-note.interval-sec?": 30}
PAYABLE = {"golem.com.scheme.payu.payment-timeout-sec?": 60}
ACCEPTED = {"golem.com.payment.debit-notes.accept-timeout?": 10}
SINGLE = {"golem.srv.caps.multi-activity": False}
NUDGE = UnitEnded("unknown", 0)
ENDED = Over("", "Ended by the requestor: enough", terminated=True)


def line_of(activity_id):
    """Units wait, or end at once with a status."""
    return f"exit {activity_id[5:]}" if activity_id.startswith("exits") else "exec sleep 600"


class Work:
    """A deal that is served, with the daemon and the journal that it writes to."""

    def __init__(self, folder, terms, demand):
        self.daemon, self.clock = Daemon(), ManualClock(NOW)
        signed = agreement(offer=terms, demand={**terms, **demand})
        self.daemon.has_agreement(signed)
        self.journal = Journal(folder / "journal.jsonl")
        self.approval = approval(signed, NOW)
        self.books = Bookkeeping(self.daemon.client, self.journal, self.clock)
        self.workshop = Workshop(folder, "none", PlainStarter(line_of))
        self.deal = Deal(signed, self.clock, self.books, self.workshop)
        self.served: asyncio.Task[Over]

    async def hear(self, *happenings):
        """Tell the deal, and wait until it has acted on all of it."""
        for happening in happenings:
            self.deal.tell(happening)
        while not self.served.done() and not self.deal._happenings.empty():
            await self.pause()
        await self.pause()

    async def pass_time(self, seconds):
        await self.clock.advance(seconds)
        await self.hear(NUDGE)

    def stop_units(self):
        for working in self.deal._working.values():
            working.unit.terminate()

    async def pause(self):
        await asyncio.wait({self.served}, timeout=0.005)

    async def over(self):
        async with asyncio.timeout(SOON_S):
            over = await self.served
            await self.deal.close(over)
            await self.books.finish()
        return over


@asynccontextmanager
async def work(folder, terms=(), demand=()):
    here = Work(folder, dict(terms), dict(demand))
    await here.journal.add(here.approval)
    here.served = asyncio.create_task(here.deal.run())
    try:
        yield here
    finally:
        if not here.served.done():
            here.deal.tell(ENDED)
            await here.served


async def begin(here, activity_id="x"):
    """An activity whose unit runs."""
    here.deal.tell(ActivityWanted(activity_id))
    async with asyncio.timeout(SOON_S):
        while activity_id not in here.deal._working:
            await here.pause()


async def stopped(here, activity_id):
    """The unit of an activity has ended, and the deal has closed its books."""
    here.stop_units()
    async with asyncio.timeout(SOON_S):
        while activity_id not in here.journal.get("agreement").costs:
            await here.pause()
        here.deal.tell(ActivityWanted("../marker"))
        while "../marker" not in here.daemon.ended_activities:
            await here.pause()


async def test_an_activity_is_billed_by_its_counters_when_its_agreement_ends(tmp_path):
    async with work(tmp_path) as here:
        await begin(here)
        here.daemon.usage["x"] = [10.0, 5.0]
        here.deal.tell(ENDED)
        assert await here.over() is ENDED

    record = here.journal.get("agreement")
    assert (record.state, record.amount) == (State.INVOICED, cost([10.0, 5.0]))
    invoice = here.daemon.invoices["agreement"]
    assert (invoice.amount, invoice.activity_ids) == (cost([10.0, 5.0]), ["x"])
    assert invoice.payment_due_date == NOW + timedelta(days=1)
    assert [note.total_amount_due for note in here.daemon.notes] == [cost([10.0, 5.0])]
    assert here.daemon.sent == ["note 0", invoice.invoice_id]
    assert here.daemon.terminated == {}, "the requestor has ended it"


async def test_an_agreement_without_an_activity_ends_when_our_patience_does(tmp_path):
    async with work(tmp_path) as here:
        await here.pass_time(89)
        assert not here.served.done()
        await here.pass_time(1)
        assert (await here.over()).code == "NoActivity"
    assert here.daemon.terminated == {"agreement": "NoActivity"}
    assert here.daemon.invoices["agreement"].amount == 0


async def test_an_agreement_with_an_activity_is_not_idle_and_idles_again_after_it(tmp_path):
    async with work(tmp_path) as here:
        await begin(here)
        await here.pass_time(1000)
        assert not here.served.done()
        await stopped(here, "x")
        await here.pass_time(89)
        assert not here.served.done()
        await here.pass_time(1)
        assert (await here.over()).code == "NoActivity"


async def test_an_activity_that_works_ends_with_its_agreement_at_the_expiration(tmp_path):
    async with work(tmp_path) as here:
        await begin(here)
        await here.pass_time((EXPIRES - NOW).total_seconds() - 1)
        assert not here.served.done()
        await here.pass_time(1)
        assert (await here.over()).code == "Expired"
    assert list(here.daemon.ended_activities) == ["x"]


async def test_a_requestor_that_wants_one_activity_only_has_its_agreement_ended_after_it(tmp_path):
    async with work(tmp_path, demand=SINGLE) as here:
        here.deal.tell(ActivityWanted("exits0"))
        assert (await here.over()).code == "Success"


async def test_the_requestor_is_told_that_a_unit_has_failed_but_not_what_it_wrote(tmp_path):
    async with work(tmp_path, demand=SINGLE) as here:
        here.deal.tell(ActivityWanted("exits3"))
        await here.over()
    assert here.daemon.ended_activities == {"exits3": "The provider's ExeUnit ended with status 3."}


async def test_a_second_activity_at_once_is_refused_and_costs_nothing(tmp_path):
    async with work(tmp_path) as here:
        await begin(here)
        await here.hear(ActivityWanted("y"), ActivityWanted("x"))
        assert here.daemon.ended_activities == {"y": "Only one activity at a time is possible here."}
        here.daemon.usage.update(x=[1.0, 1.0], y=[100.0, 100.0])
        here.deal.tell(ENDED)
        await here.over()
    assert here.daemon.invoices["agreement"].activity_ids == ["x"]


async def test_the_unit_of_an_activity_that_is_not_wanted_any_more_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(exe_units, "STOP_S", 0.02)
    async with work(tmp_path, demand=SINGLE) as here:
        await begin(here)
        here.deal.tell(ActivityUnwanted("unknown"))
        here.deal.tell(ActivityUnwanted("x"))
        assert (await here.over()).code == "Success"


async def test_an_activity_that_cannot_be_started_is_refused(tmp_path):
    async with work(tmp_path) as here:
        await here.hear(ActivityWanted("../x"))
        assert here.daemon.ended_activities == {"../x": "The provider could not start the activity."}
        assert not here.served.done()


async def test_debit_notes_come_at_the_agreed_interval_and_are_cumulative(tmp_path):
    async with work(tmp_path, NOTES) as here:
        await begin(here)
        await here.pass_time(29)
        assert here.daemon.notes == []
        for seconds in (30.0, 60.0):
            here.daemon.usage["x"] = [seconds, 0.0]
            await here.pass_time(30)
        assert [note.total_amount_due for note in here.daemon.notes] == [cost([30.0, 0.0]), cost([60.0, 0.0])]
        assert [note.payment_due_date for note in here.daemon.notes] == [None, None]


async def test_an_activity_that_has_not_counted_yet_owes_no_note(tmp_path):
    async with work(tmp_path, {**NOTES, **PAYABLE}) as here:
        await begin(here)
        await here.pass_time(60)
        assert here.daemon.notes == []
        here.daemon.usage["x"] = [1.0, 0.0]
        await here.pass_time(30)
        due = here.clock.now() + timedelta(seconds=60)
        await here.pass_time(30)
        assert [note.payment_due_date for note in here.daemon.notes] == [due, None]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([NoteAnswered("note 0", True)], None),
        ([NoteAnswered("note 0", False)], "DebitNoteRejected"),
        ([], "DebitNotesDeadline"),
    ],
)
async def test_a_requestor_that_does_not_accept_notes_is_not_worked_for(tmp_path, answer, code):
    async with work(tmp_path, {**NOTES, **ACCEPTED}) as here:
        await begin(here)
        here.daemon.usage["x"] = [30.0, 0.0]
        await here.pass_time(30)
        assert here.deal.owes_answer("note 0")
        await here.hear(*answer)
        await here.pass_time(10)
        if code is None:
            assert not here.served.done()
            assert not here.deal.owes_answer("note 0")
        else:
            assert (await here.over()).code == code
            assert here.daemon.terminated == {"agreement": code}
            assert here.daemon.invoices["agreement"].amount == cost([30.0, 0.0])


HAPPENINGS = st.one_of(
    st.builds(ActivityWanted, st.sampled_from(["x", "y", "exits0", "exits3", "../z"])),
    st.builds(ActivityUnwanted, st.sampled_from(["x", "y", "unknown"])),
    st.just("units end"),
    st.builds(NoteAnswered, st.sampled_from(["note 0", "note 1", "unknown"]), st.booleans()),
    st.sampled_from([ENDED, Over("Shutdown", "The provider shuts down.")]),
    st.sampled_from([1, 31, 100, 5000]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(HAPPENINGS, max_size=8))
def test_whatever_happens_in_whatever_order_every_deal_ends_and_is_billed(happenings):
    async def scenario(folder):
        async with work(folder, {**NOTES, **PAYABLE, **ACCEPTED}) as here:
            here.daemon.usage = {each: [7.0, 3.0] for each in ("x", "y", "exits0", "exits3")}
            for happening in happenings:
                if isinstance(happening, int):
                    await here.pass_time(happening)
                elif happening == "units end":
                    here.stop_units()
                else:
                    await here.hear(happening)
            here.deal.tell(ENDED)
            over = await here.over()
            assert here.deal._working == {}

        record, invoice = here.journal.get("agreement"), here.daemon.invoices["agreement"]
        assert record.state is State.INVOICED
        assert set(record.costs) == set(invoice.activity_ids) <= set(here.daemon.ended_activities)
        assert invoice.amount == record.amount == cost(*[[7.0, 3.0]] * len(record.costs))
        assert set(here.daemon.terminated.values()) == (set() if over.terminated else {over.code})
        assert list((folder / "agreements").glob("*.json")) == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))

"""What a script that is gone has left at others is ended, paid for and released by its node's next one."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from requestor_doors import NOW, PRICING, WAIT_S, PaymentDoor

from golemnet.requestor import wills
from golemnet.requestor.wills import LATE_FOR, LOOK_S, State, Will, of_the_dead, wind_up, wind_up_the_dead
from golemnet.rest.market import Agreement, Demand, Offer
from golemnet.rest.silence import Silence
from golemnet.rest.transport import DaemonUnreachable
from golemnet.testing.clock import ManualClock

STATE = State("0xme", "allocation", Decimal(1), {"a": NOW})
AWAY = DaemonUnreachable("No daemon answers.")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path))
    return tmp_path / "wills"


class Daemon:
    """One agreement at a provider that sends its invoice when that is ended."""

    def __init__(self, is_away=False, is_silent=False):
        self.is_away, self.is_silent = is_away, is_silent
        self.amended = []
        self.ended, self.released, self.paid_from = [], [], []
        self.payment, self.market, self.silence = PaymentDoor(), self, Silence()
        self.payment.release_allocation = self.release
        self.payment.get_allocation, self.payment.amend_allocation = self.allocation, self.amend
        self.accept, self.payment.accept_invoice = self.payment.accept_invoice, self.accept_from

    async def get_agreement(self, agreement_id):
        if self.is_away:
            raise AWAY
        common = {"properties": {}, "constraints": "()", "timestamp": NOW}
        properties = {"golem.node.id.name": "ann", **PRICING.to_properties()}
        return Agreement(
            agreement_id=agreement_id,
            demand=Demand(demand_id="d", requestor_id="0xme", **common),
            offer=Offer(offer_id="o", provider_id="0xann", **{**common, "properties": properties}),
            valid_to=NOW,
            state="Approved",
            timestamp=NOW,
        )

    async def terminate_agreement(self, agreement_id, reason):
        self.ended.append(agreement_id)
        if not self.is_silent:
            self.payment.keep_invoice(agreement_id, "0.6")

    async def accept_from(self, invoice_id, amount, allocation_id):
        self.paid_from.append(allocation_id)
        await self.accept(invoice_id, amount, allocation_id)

    async def allocation(self, allocation_id):
        amounts = {"spent_amount": Decimal("0.5"), "remaining_amount": Decimal("9.5")}
        return SimpleNamespace(**amounts, deposit=None)

    async def amend(self, allocation_id, change):
        self.amended.append((change.total_amount, change.timeout))
        return change

    async def release(self, allocation_id):
        if self.is_away:
            raise AWAY
        self.released.append(allocation_id)


def dead(state=STATE):
    """The will of a script that has ended somehow."""
    will = Will.new(state.allocation_id)
    will.write(state)
    will.keep()


def test_the_will_of_a_node_that_never_comes_back_is_forgotten(folder):
    dead()
    (will,) = folder.iterdir()
    assert list(of_the_dead("0xother")) == []
    assert will.exists()
    os.utime(will, (0, 0))
    assert list(of_the_dead("0xother")) == []
    assert not will.exists()


def test_the_will_of_a_script_that_lives_is_left_alone():
    will = Will.new("allocation")
    will.write(STATE)
    assert list(of_the_dead("0xme")) == []
    will.keep()
    assert list(of_the_dead("0xother")) == []
    [(taken, state)] = of_the_dead("0xme")
    assert state == STATE
    assert list(of_the_dead("0xme")) == [], "nor one that somebody winds up"
    taken.keep()


def test_a_line_that_was_cut_off_is_passed_over(folder):
    dead()
    with (folder / "allocation.will").open("ab") as file:
        file.write(b'{"node_id":"0xme","alloc')
    [(_, state)] = of_the_dead("0xme")
    assert state == STATE


def test_a_script_that_ends_leaves_nothing(folder):
    will = Will.new("allocation")
    will.write(STATE)
    will.done()
    assert list(folder.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_no_reason_to_fail(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path / "file"))
    will = Will.new("allocation")
    will.write(STATE)
    will.done()


async def test_a_dead_scripts_provider_is_paid_from_its_own_allocation(folder):
    dead()
    os.utime(folder / "allocation.will", times=((NOW + timedelta(seconds=10)).timestamp(),) * 2)
    daemon = Daemon()
    [(will, state)] = of_the_dead("0xme")
    assert will.stopped == NOW + timedelta(seconds=10)
    await wind_up(will, state, daemon, ManualClock(NOW + timedelta(days=1)))
    assert daemon.ended == ["a"]
    assert [each.amount for each in daemon.payment.accepted] == [Decimal("0.6")]
    assert daemon.paid_from == daemon.released == ["allocation"]
    assert list(folder.iterdir()) == []


async def test_who_does_not_answer_is_paid_when_he_comes_back(folder, monkeypatch):
    monkeypatch.setattr(wills, "INVOICES_S", 0.1)
    dead()
    stopped = NOW + timedelta(seconds=10)
    os.utime(folder / "allocation.will", times=(stopped.timestamp(),) * 2)
    daemon, clock = Daemon(is_silent=True), ManualClock(stopped)
    [(will, state)] = of_the_dead("0xme")
    assert await wind_up(will, state, daemon, clock)
    [(total, until)] = daemon.amended
    assert Decimal("0.5") < total <= Decimal("1.5"), "what was spent, and no more than was left"
    assert until == stopped + LATE_FOR

    daemon.is_silent = False
    [(will, state)] = of_the_dead("0xme")
    assert not await wind_up(will, state, daemon, clock)
    assert daemon.paid_from == daemon.released == ["allocation"]
    assert list(folder.iterdir()) == []


async def test_nobody_is_waited_for_longer_than_a_day(folder, monkeypatch):
    monkeypatch.setattr(wills, "INVOICES_S", 0.1)
    dead()
    os.utime(folder / "allocation.will", times=(NOW.timestamp(),) * 2)
    [(will, state)] = of_the_dead("0xme")
    daemon = Daemon(is_silent=True)
    assert not await wind_up(will, state, daemon, ManualClock(NOW + LATE_FOR))
    assert daemon.released == ["allocation"]
    assert list(folder.iterdir()) == []


async def test_who_is_late_is_asked_for_again_after_a_while(folder, monkeypatch):
    monkeypatch.setattr(wills, "INVOICES_S", 0.1)
    monkeypatch.setattr(wills, "AGAIN", timedelta(seconds=2 * LOOK_S))
    dead()
    clock, daemon = ManualClock(datetime.now(UTC)), Daemon(is_silent=True)
    looking = asyncio.create_task(wind_up_the_dead("0xme", [], daemon, clock))
    async with asyncio.timeout(WAIT_S):
        while not daemon.amended:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        asked = len(daemon.ended)
        await clock.advance(LOOK_S)
        assert len(daemon.ended) == asked
        while len(daemon.ended) == asked:
            await clock.advance(LOOK_S)
            await asyncio.sleep(0.01)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_without_an_agreement_nobody_is_forgotten(folder, monkeypatch):
    """The daemon is away for a moment, and there again when the allocation would be released."""
    dead()
    [(will, state)] = of_the_dead("0xme")
    daemon = Daemon()
    monkeypatch.setattr(daemon, "get_agreement", Daemon(is_away=True).get_agreement)
    assert not await wind_up(will, state, daemon, ManualClock(datetime.now(UTC)))
    assert daemon.released == []
    assert [state for _, state in of_the_dead("0xme")] == [STATE]


async def test_without_a_daemon_it_is_left_to_the_next_script(folder, monkeypatch):
    monkeypatch.setattr(wills, "INVOICES_S", 0.1)
    dead()
    [(will, state)] = of_the_dead("0xme")
    await wind_up(will, state, Daemon(is_away=True), ManualClock(datetime.now(UTC)))
    assert [state for _, state in of_the_dead("0xme")] == [STATE]


async def test_who_is_killed_while_another_script_works_is_wound_up_by_it(folder):
    """A run that goes on sees to its own."""
    clock, daemon = ManualClock(datetime.now(UTC)), Daemon()
    living = Will.new("allocation")
    living.write(STATE)
    dead(State("0xme", "mine", Decimal(1), {"b": NOW}))
    looking = asyncio.create_task(wind_up_the_dead("0xme", ["mine"], daemon, clock))
    try:
        async with asyncio.timeout(WAIT_S):
            await clock.advance(LOOK_S)
            assert (daemon.ended, list(folder.iterdir())) == ([], [folder / "allocation.will"])
            living.keep()
            while not daemon.released:
                await clock.advance(LOOK_S)
    finally:
        looking.cancel()
    assert (daemon.ended, daemon.released) == (["a"], ["allocation"])


async def test_a_daemon_that_hangs_is_not_told_to_release(folder):
    dead()
    daemon = Daemon()
    daemon.silence.begins(AWAY)
    [(will, state)] = of_the_dead("0xme")
    await wind_up(will, state, daemon, ManualClock(NOW + timedelta(days=1)))
    assert daemon.released == [], "it would do so later, perhaps before the provider is paid"
    assert [each.name for each in folder.iterdir()] == ["allocation.will"]

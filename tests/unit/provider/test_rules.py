"""Whom and when an owner serves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time

import pytest

from golemnet.clock import SystemClock
from golemnet.errors import GolemError
from golemnet.provider import door as door_module
from golemnet.provider.deals import Deals
from golemnet.provider.door import Door
from golemnet.provider.rules import IDLE_LOAD, Rules, parse_hours
from golemnet.rest.market import AgreementTerminatedEvent

ANN, BOB = "0x" + "a" * 40, "0x" + "b" * 40
IMAGE, OTHER = "1" * 56, "2" * 56
REQUESTOR, RUNS = "The provider's owner does not work", "The provider's owner does not run"


def demand(image: str | None = IMAGE) -> dict[str, str]:
    return {} if image is None else {"golem.srv.comp.task_package": f"hash:sha3:{image}:http://a/b"}


@pytest.mark.parametrize(
    ("rules", "requestor", "image", "objection"),
    [
        (Rules(), ANN, IMAGE, ""),
        (Rules(denied=[ANN]), ANN, IMAGE, REQUESTOR),
        (Rules(denied=[ANN]), ANN.upper().replace("X", "x"), IMAGE, REQUESTOR),
        (Rules(denied=[ANN]), BOB, IMAGE, ""),
        (Rules(allowed=[ANN]), ANN, IMAGE, ""),
        (Rules(allowed=[ANN]), BOB, IMAGE, REQUESTOR),
        (Rules(allowed=[ANN], denied=[BOB]), BOB, IMAGE, REQUESTOR),
        (Rules(denied=[IMAGE]), ANN, IMAGE, RUNS),
        (Rules(denied=[IMAGE]), ANN, OTHER, ""),
        (Rules(denied=[IMAGE]), ANN, None, ""),
        (Rules(allowed=[IMAGE]), ANN, OTHER, RUNS),
        (Rules(allowed=[IMAGE]), ANN, None, RUNS),  # an image that is not named may be any
        (Rules(allowed=[IMAGE]), ANN, IMAGE, ""),
        (Rules(allowed=[ANN, IMAGE]), ANN, OTHER, RUNS),
    ],
)
def test_who_is_served(rules: Rules, requestor: str, image: str | None, objection: str) -> None:
    found = rules.objection(requestor, demand(image))
    assert found.startswith(objection) if objection else found == ""


def test_the_last_decision_about_a_name_holds() -> None:
    rules = Rules().allowing(ANN).denying(ANN.upper().replace("X", "x")).allowing(IMAGE)
    assert rules == Rules(allowed=[IMAGE], denied=[ANN])
    assert rules.forgetting(ANN).forgetting(IMAGE) == Rules()


@pytest.mark.parametrize("name", ["", "ann", "0x12", "1" * 55, ANN + "a"])
def test_what_is_neither_requestor_nor_image_is_refused(name: str) -> None:
    for decide in (Rules().allowing, Rules().denying, Rules().forgetting):
        with pytest.raises(GolemError, match="neither a requestor nor an image"):
            decide(name)


@pytest.mark.parametrize(
    ("hours", "now", "is_open"),
    [
        ("", "12:00", True),
        ("08:00-18:00", "08:00", True),
        ("08:00-18:00", "18:00", False),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
    ],
)
def test_hours_may_go_over_midnight(hours: str, now: str, is_open: bool) -> None:
    assert Rules(hours=hours).is_open(time.fromisoformat(now), 9.0) is is_open


@pytest.mark.parametrize("text", ["5", "08:00", "8-18", "25:00-26:00", "08:00-18:00 "])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(GolemError, match="are no hours"):
        parse_hours(text)


def test_a_busy_machine_is_not_sold_to_strangers_when_its_owner_says_so() -> None:
    noon = time(12)
    assert not Rules(only_when_idle=True).is_open(noon, IDLE_LOAD)
    assert Rules(only_when_idle=True).is_open(noon, IDLE_LOAD / 2)


@pytest.fixture
def deals() -> Deals:
    async def refuse(_activity_id: str, _message: str) -> None:
        raise AssertionError

    return Deals(2, refuse)


async def test_a_shut_door_is_no_room_and_tells_who_waits(deals: Deals, monkeypatch) -> None:
    load = [9.0]
    monkeypatch.setattr(door_module.os, "getloadavg", lambda: (load[0] * 1000, 0.0, 0.0))
    door = Door(Rules(only_when_idle=True), deals, SystemClock())
    deals.changed.clear()
    door.look()
    assert deals.is_full
    assert deals.changed.is_set()
    assert not deals.promise("agreement")
    load[0] = 0.0
    door.look()
    assert not deals.is_full
    assert deals.promise("agreement")
    load[0] = 9.0
    door.look()
    assert not deals.is_shut, "our own work is what loads the machine"


class EndingDeal:
    """Stands for a deal that is over when it is told so."""

    def __init__(self, over) -> None:
        self.over = over

    def tell(self, happening) -> None:
        self.over.set_result(happening)

    async def run(self):
        return await self.over

    async def close(self, over) -> None:
        pass


async def test_the_end_of_agreements_is_waited_for(deals: Deals) -> None:
    over = asyncio.get_running_loop().create_future()
    deals.promise("agreement")
    deals.begin("agreement", EndingDeal(over))  # type: ignore[arg-type]
    finishing = asyncio.create_task(deals.finish(20))
    await asyncio.sleep(0)
    assert not finishing.done()
    ended = AgreementTerminatedEvent(datetime.now(UTC), "agreement", "Requestor", "signature", {})
    deals.agreement_event(ended)
    await asyncio.wait_for(finishing, 20)
    assert deals.count == 0

"""Instances of a service: when they are started again, and what they are told of as healthy."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from golemnet.errors import GolemError
from golemnet.requestor.events import NothingMatched
from golemnet.requestor.published.events import exc_info_of
from golemnet.requestor.published.service_state import ServiceState
from golemnet.sdk import instances, lacking
from golemnet.sdk.errors import Unhealthy
from golemnet.sdk.front import Front
from golemnet.sdk.health import http, is_well, tcp
from golemnet.sdk.instances import Instance, Plan
from golemnet.sdk.lacking import tell_what_is_missing
from golemnet.sdk.services import Service


def plan(**changes) -> Plan:
    usual = {
        "command": ["serve", "me"],
        "port": 80,
        "files": [],
        "healthy": None,
        "restart": "always",
        "retries": 1,
        "ready_s": 5.0,
        "owner_id": "0xme",
        "client": None,
    }
    return Plan(**{**usual, **changes})


def ended(restart, *, has_failed, has_run=True, is_wanted=True) -> Instance:
    instance = Instance(plan(restart=restart))
    instance._exc_info = exc_info_of(GolemError("no")) if has_failed else instance._exc_info
    if has_run:
        instance.service_instance.visited_states.append(ServiceState.running)
    instance.is_wanted = is_wanted
    return instance


@pytest.mark.parametrize(
    ("restart", "after_failure", "after_success"),
    [("always", True, True), ("on-failure", True, False), ("never", False, False)],
)
def test_the_policy_says_which_end_is_followed_by_another_start(restart, after_failure, after_success):
    assert ended(restart, has_failed=True).restart_condition == after_failure
    assert ended(restart, has_failed=False).restart_condition == after_success
    assert not ended(restart, has_failed=True, is_wanted=False).restart_condition


async def test_what_has_never_been_ready_is_given_up():
    instance = ended("always", has_failed=True, has_run=False)
    assert instance.restart_condition
    await instance.reset()
    assert not instance.restart_condition, "one retry"


async def test_an_instance_that_is_ill_three_times_has_failed(monkeypatch):
    monkeypatch.setattr(instances, "CHECK_S", 0.01)
    answers = iter([True, False, False, True, False, False, False])

    async def check(instance):
        return next(answers)

    async with asyncio.timeout(20):
        with pytest.raises(Unhealthy, match="3 times"):
            await Instance(plan(healthy=check))._stay_well()
    assert next(answers, None) is None


async def test_an_instance_that_does_not_get_well_has_failed(monkeypatch):
    monkeypatch.setattr(instances, "FIRST_CHECK_S", 0.01)
    with pytest.raises(Unhealthy, match=r"within 0\.05 s"):
        await Instance(plan(healthy=tcp(), ready_s=0.05))._become_well()


class Place:
    """A web server of this machine in the place of an instance."""

    is_ready = True

    def __init__(self, name, status=200):
        self.name, self.status, self.asked = name, status, 0

    async def handle(self, request):
        self.asked += 1
        body = f"{self.name} {request.method} {request.path_qs} {await request.text()}"
        return web.Response(status=self.status, text=body, headers={"X-Name": self.name})

    async def __aenter__(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error):
        await self._runner.cleanup()


async def test_health_is_what_http_says():
    async with Place("well") as well, Place("ill", 500) as ill:
        assert await is_well(http("/"), well)
        assert not await is_well(http("/"), ill)
    assert not await is_well(http("/"), well), "nobody listens any more"


async def test_requests_go_round_and_past_who_does_not_answer(session):
    async with Place("one") as one, Place("two") as two:
        front = Front(lambda: [one, two], 0)
        await front.run()
        try:
            answers = [await visit(session, front, "/a?b=c") for _ in range(4)]
            assert sorted(answers) == ["one GET /a?b=c "] * 2 + ["two GET /a?b=c "] * 2
            async with session.post(f"{front.url}/x", data="sent") as answer:
                assert (await answer.text()).endswith("POST /x sent")
            await two._runner.cleanup()
            assert [await visit(session, front, "/") for _ in range(3)] == ["one GET / "] * 3
            one.is_ready = two.is_ready = False
            async with session.get(front.url) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        finally:
            await front.drain()


async def test_a_port_that_is_taken_is_an_error_for_people():
    async with Place("one") as one:
        with pytest.raises(GolemError, match="cannot be used"):
            await Front(lambda: [], int(one.url.rpartition(":")[2])).run()


async def visit(session, front, path):
    async with session.get(f"{front.url}{path}") as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


class OneMarket:
    """A market that says why nobody is there."""

    def __init__(self, is_empty=False, seen=0, reasons=()):
        self.is_empty = is_empty
        self.found = NothingMatched(demand_id="d", offers_seen=seen, reasons=[*reasons])

    async def nobody(self):
        return self.found if self.is_empty else None

    async def explain(self):
        return self.found


def in_states(*states):
    found = [Instance(plan()) for _ in states]
    for instance, state in zip(found, states, strict=True):
        instance.service_instance.state = state
    return found


async def missing(monkeypatch, instances, market):
    """What is told at the first two looks."""
    monkeypatch.setattr(lacking, "LOOK_S", 0.001)
    looks, told = asyncio.Semaphore(0), []

    def wanted():
        looks.release()
        return instances

    telling = asyncio.create_task(tell_what_is_missing("serve", wanted, market, told.append))
    async with asyncio.timeout(20):
        for _ in range(3):
            await looks.acquire()
    telling.cancel()
    return [str(each) for each in told]


RUNNING, STARTING, PENDING = ServiceState.running, ServiceState.starting, ServiceState.pending


@pytest.mark.parametrize(
    ("states", "market", "told"),
    [
        ([RUNNING, RUNNING], OneMarket(), []),
        ([PENDING], OneMarket(is_empty=True), []),
        (
            [RUNNING, RUNNING, PENDING],
            OneMarket(),
            [f"2 of 3 instances are ready; 1 instance without a provider; {lacking.NO_MORE}"],
        ),
        (
            [RUNNING, STARTING, PENDING, PENDING],
            OneMarket(seen=3, reasons=["mem>=64"]),
            ["1 of 4 instances are ready; 1 being started; 2 instances without a provider; mem>=64"],
        ),
    ],
)
async def test_what_is_missing_is_told_once_in_a_while(monkeypatch, states, market, told):
    assert await missing(monkeypatch, in_states(*states), market) == told


@pytest.mark.parametrize(
    ("states", "ready", "is_enough"),
    [
        ([PENDING, PENDING], 1, False),
        ([RUNNING, PENDING], 1, True),
        ([RUNNING, PENDING], 2, False),
        ([RUNNING, RUNNING], 2, True),
        ([RUNNING], 2, True),
        ([], 1, True),
    ],
)
def test_when_a_service_has_begun(monkeypatch, states, ready, is_enough):
    service = Service(None, 2, ready, 0, (), None)
    monkeypatch.setattr(Service, "instances", in_states(*states))
    assert service._is_enough(ready) == is_enough

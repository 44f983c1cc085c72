"""Services that are suspended: who is asked how it is, who is kept, and what is found again."""

import asyncio
from types import SimpleNamespace

import pytest
from test_services import plan

from golemnet.errors import GolemError
from golemnet.requestor.published.events import exc_info_of
from golemnet.requestor.published.service_state import ServiceState
from golemnet.rest.activity import ActivityState
from golemnet.rest.errors import ApiError, InternalError, NotFound
from golemnet.sdk import instances
from golemnet.sdk.errors import Unhealthy
from golemnet.sdk.instances import Instance, Left
from golemnet.sdk.shelf import Shelf

WAIT_S = 20


async def test_who_is_suspended_need_not_be_well_until_it_goes_on(monkeypatch):
    monkeypatch.setattr(instances, "CHECK_S", 0.001)
    asked = asyncio.Semaphore(0)

    async def check(instance):
        asked.release()
        return False

    instance = Instance(plan(healthy=check))
    instance.rest()
    watching = asyncio.create_task(instance._stay_well())
    async with asyncio.timeout(WAIT_S):
        for _ in range(3 * instances.MISSES):
            await asked.acquire()
        assert not watching.done()
        instance._awake.set()
        with pytest.raises(Unhealthy):
            await watching


async def test_what_ends_while_it_is_suspended_is_not_started_again():
    instance = Instance(plan())
    instance._exc_info = exc_info_of(GolemError("no"))
    assert instance.restart_condition
    instance.rest()
    assert not instance.restart_condition


async def test_what_was_lost_says_so():
    instance = Instance(plan())
    instance.is_lost = True
    with pytest.raises(Unhealthy, match="while it was suspended"):
        await instance._stay_well()


class Activities:
    """The daemon's door to activities."""

    def __init__(self, state: str | ApiError, refuses: bool = False):
        self.state, self.refuses, self.orders = state, refuses, []

    async def get_state(self, activity_id, *, timeout_s):
        if isinstance(self.state, ApiError):
            raise self.state
        return ActivityState(state=(self.state, None))

    async def suspend_activity(self, activity_id, *, is_on=True):
        if self.refuses:
            raise NotFound("There is no such path.")
        self.orders.append((activity_id, is_on))


@pytest.mark.parametrize(
    ("activities", "is_there"),
    [
        (Activities("Ready"), True),
        (Activities("Ready", refuses=True), True),
        (Activities("Terminated"), False),
        (Activities(InternalError("The provider's node cannot be reached.")), False),
    ],
    ids=["there", "a daemon of others", "ended", "out of reach"],
)
async def test_who_is_resumed_goes_on_if_it_is_there(activities, is_there):
    left = Left({"activity_id": "one"}, None)
    assert await left.wake(SimpleNamespace(activity=activities)) == is_there
    assert activities.orders == ([("one", False)] if is_there and not activities.refuses else [])


class Cluster:
    """What keeps instances; those named ``ended`` have done so."""

    def __init__(self, *names: str, ended: str = ""):
        states = {name: ServiceState.terminated if name in ended else ServiceState.running for name in names}
        self.instances = [SimpleNamespace(activity_id=name, state=state) for name, state in states.items()]
        self.end = None
        self.is_left = False

    def suspend(self):
        self.is_left = True

    async def __aexit__(self, kind, error, trace):
        self.end = "left" if self.is_left else str(error)


def left(*names: str) -> list[Left]:
    return [Left({"activity_id": name}, None) for name in names]


async def test_what_is_resumed_is_let_go_of_and_what_has_ended_is_told():
    shelf, one, other = Shelf(), Cluster("a", "b", ended="b"), Cluster("c")
    shelf.put(one)
    shelf.put(other)
    assert await shelf.take(left("a", "b", "z")) == {"b"}
    assert (one.end, other.end) == ("left", None)
    await shelf.close(None)
    assert other.end == "left"


async def test_what_was_suspended_together_is_resumed_together():
    shelf, cluster = Shelf(), Cluster("a", "b", "c", ended="c")
    shelf.put(cluster)
    with pytest.raises(GolemError, match="Only some"):
        await shelf.take(left("a"))
    assert await shelf.take(left("a", "b")) == {"c"}


async def test_after_an_error_nothing_is_left():
    shelf, cluster = Shelf(), Cluster("a")
    shelf.put(cluster)
    await shelf.close(KeyError("why"))
    assert cluster.end == "'why'"

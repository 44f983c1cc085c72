"""An activity between two nodes: a program on one side, an agent and an ExeUnit on the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from golemnet.clock import SystemClock
from golemnet.daemon.activity.service import Activities
from golemnet.daemon.activity.units import UnitLink
from golemnet.database.database import Database
from golemnet.database.outbox import Outbox
from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import ApiError, BadRequest, Conflict, Forbidden, Gone, NotFound, RequestTimeout
from golemnet.rest.exeunit import (
    Event,
    ExecBatch,
    Hello,
    Result,
    StateChanged,
    Stop,
    Suspend,
    ToUnit,
    Usage,
)

SCRIPT = json.dumps([{"deploy": {}}, {"start": {}}, {"run": {"entry_point": "/bin/true", "args": []}}])


@dataclass
class Agreement:
    agreement_id: str
    requestor_id: str
    provider_id: str
    state: str = "Approved"
    app_session_id: str | None = None


class Side:
    """One node's activity service with what it needs."""

    def __init__(self, network: MemoryNetwork, key: NodeKey, url: str, agreements: dict[str, Agreement]):
        self.node_id = key.node_id
        self.database = Database(url)
        self.clock = SystemClock()
        self.outbox = Outbox(self.database, self.clock)
        self.network = network.node(key)

        async def agreement(agreement_id: str) -> Agreement | None:
            return agreements.get(agreement_id)

        self.activities = Activities(
            network=self.network,
            database=self.database,
            outbox=self.outbox,
            clock=self.clock,
            agreements=agreement,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.database.open()
        runs = [
            self.network.run,
            lambda ready: self.outbox.run(ready, self.activities.effects()),
            self.activities.run,
        ]
        tasks = []
        for run in runs:
            ready = asyncio.Event()
            tasks.append(asyncio.create_task(run(ready)))
            await asyncio.wait_for(ready.wait(), 20)
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.database.close()


class FakeUnit:
    """An ExeUnit that is told what to answer."""

    def __init__(self, activities: Activities, activity_id: str) -> None:
        self.activities = activities
        self.activity_id = activity_id
        self.frames: asyncio.Queue[ToUnit] = asyncio.Queue()
        self.link = UnitLink(self.frames.put, self._close)

    async def _close(self) -> None:
        return

    async def connect(self, state: str = "Initialized", batches: tuple[str, ...] = ()) -> None:
        await self.activities.attach(self.activity_id, self.link)
        await self.say(Hello(self.activity_id, state, list(batches)))

    async def say(self, frame) -> None:
        await self.activities.on_frame(self.activity_id, self.link, frame)

    async def next(self) -> ToUnit:
        return await asyncio.wait_for(self.frames.get(), 20)

    async def result(self, batch_id: str, index: int, *, last: bool = False, **more) -> None:
        result = ExeScriptCommandResult(
            index=index, event_date=datetime.now(UTC), result="Ok", is_batch_finished=last, **more
        )
        await self.say(Result(batch_id, result))

    async def run_all(self, batch: ExecBatch) -> None:
        for index, state in enumerate(("Deployed", "Ready", "Ready")):
            await self.say(StateChanged(state))
            await self.result(batch.batch_id, index, last=index == 2, stdout="out")


class Pair:
    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.network = MemoryNetwork(1)
        self.keys = [NodeKey.generate(), NodeKey.generate()]
        requestor_id, provider_id = (key.node_id for key in self.keys)
        self.agreements = {"agreement": Agreement("agreement", requestor_id, provider_id)}
        self.requestor, self.provider = self.side(0), self.side(1)

    def side(self, number: int) -> Side:
        url = f"sqlite:///{self.tmp_path}/{number}.db"
        return Side(self.network, self.keys[number], url, self.agreements)

    async def start(self) -> tuple[str, FakeUnit]:
        creating = asyncio.create_task(
            self.requestor.activities.create(self.requestor.node_id, "agreement", 5)
        )
        [event] = await self.provider.activities.provider_events(None, 5, 10)
        assert (event.kind, event.agreement_id) == ("CreateActivity", "agreement")
        unit = FakeUnit(self.provider.activities, event.activity_id)
        await unit.connect()
        assert await creating == event.activity_id
        return event.activity_id, unit


@pytest.fixture
async def pair(tmp_path: Path):
    pair = Pair(tmp_path)
    async with pair.requestor.running(), pair.provider.running():
        yield pair


async def test_a_batch_runs_and_its_results_arrive(pair: Pair):
    activity_id, unit = await pair.start()
    requestor = pair.requestor.activities
    batch_id = await requestor.exec(activity_id, SCRIPT)
    polling = asyncio.create_task(requestor.results(activity_id, batch_id, None, 5))
    batch = await unit.next()
    assert isinstance(batch, ExecBatch)
    assert batch == ExecBatch(batch_id, SCRIPT)
    await unit.run_all(batch)
    results = await asyncio.wait_for(polling, 20)
    assert [(each.index, each.stdout, each.is_batch_finished) for each in results] == [
        (0, "out", False),
        (1, "out", False),
        (2, "out", True),
    ]
    assert (await requestor.state(activity_id, 5)).state == "Ready"


async def test_a_poll_for_one_command_wakes_when_that_one_ends(pair: Pair):
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    await unit.next()
    polling = asyncio.create_task(pair.requestor.activities.results(activity_id, batch_id, 1, 5))
    await unit.result(batch_id, 0)
    await unit.result(batch_id, 1)
    assert len(await asyncio.wait_for(polling, 20)) == 2


async def test_a_poll_that_times_out_gives_what_there_is(pair: Pair):
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    await unit.result(batch_id, 0)
    assert len(await pair.requestor.activities.results(activity_id, batch_id, None, 0.05)) == 1
    assert len(await pair.requestor.activities.results(activity_id, batch_id, None, 0)) == 1


async def test_events_are_streamed_while_the_batch_runs(pair: Pair):
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    stream = pair.requestor.activities.events(activity_id, batch_id)
    await unit.say(Event(batch_id, 0, datetime.now(UTC), {"stdout": "live"}))
    first = await asyncio.wait_for(anext(stream), 20)
    assert first.kind == {"stdout": "live"}
    await unit.result(batch_id, 0, last=True)
    rest = [event async for event in stream]
    assert [event.kind for event in rest] == [{"finished": {"return_code": 0, "message": None}}]


async def test_usage_and_running_command_are_told(pair: Pair):
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    await unit.result(batch_id, 0)
    await pair.requestor.activities.results(activity_id, batch_id, 0, 5)
    at = datetime.now(UTC)
    await unit.say(Usage([1.5, 2.5], at))
    usage = await pair.requestor.activities.usage(activity_id, 5)
    assert (usage.counters, usage.at) == ([1.5, 2.5], at)
    [running] = await pair.requestor.activities.commands(activity_id)
    assert (running.batch_id, running.command) == (batch_id, "start")


async def test_what_runs_is_suspended_and_goes_on(pair: Pair):
    activity_id, unit = await pair.start()
    for is_on in (True, False):
        await pair.requestor.activities.suspend(activity_id, is_on)
        assert await unit.next() == Suspend(is_on)
    await pair.provider.activities.detach(activity_id, unit.link)
    with pytest.raises(Conflict, match="not connected"):
        await pair.requestor.activities.suspend(activity_id, True)
    await unit.connect()
    await unit.say(StateChanged("Terminated", "gone"))
    with pytest.raises(Gone, match="ended"):
        await pair.requestor.activities.suspend(activity_id, True)
    assert unit.frames.empty()


async def test_an_exeunit_that_disappears_ends_the_activity_and_wakes_the_poll(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("golemnet.daemon.activity.service.UNIT_GRACE_S", 0.05)
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    polling = asyncio.create_task(pair.requestor.activities.results(activity_id, batch_id, None, 10))
    await unit.result(batch_id, 0)
    await pair.provider.activities.detach(activity_id, unit.link)
    results = await asyncio.wait_for(polling, 20)
    assert [each.result for each in results] == ["Ok", "Error"]
    assert results[-1].is_batch_finished
    assert "disappeared" in (results[-1].message or "")
    view = await pair.requestor.activities.state(activity_id, 5)
    assert (view.state, view.reason) == ("Terminated", "The ExeUnit disappeared.")
    kinds = [each.kind for each in await pair.provider.activities.provider_events(None, 0, 10)]
    assert kinds == ["CreateActivity", "DestroyActivity"]
    with pytest.raises(Gone):
        await pair.requestor.activities.exec(activity_id, SCRIPT)


async def test_an_agent_can_ask_for_the_events_of_its_session_only(pair: Pair):
    pair.agreements["agreement"].app_session_id = "mine"
    activity_id, _ = await pair.start()
    events = pair.provider.activities.provider_events
    assert [each.activity_id for each in await events(None, 0, 1, "mine")] == [activity_id]
    assert await events(None, 0, 1, "another") == []


async def test_an_exeunit_that_comes_back_gets_what_it_does_not_know(pair: Pair):
    activity_id, unit = await pair.start()
    first = await pair.requestor.activities.exec(activity_id, SCRIPT)
    await pair.provider.activities.detach(activity_id, unit.link)
    assert (await pair.requestor.activities.state(activity_id, 5)).state == "Unresponsive"
    second = await pair.requestor.activities.exec(activity_id, SCRIPT)
    again = FakeUnit(pair.provider.activities, activity_id)
    await again.connect("Ready", (first,))
    assert await again.next() == ExecBatch(second, SCRIPT)
    assert (await pair.requestor.activities.state(activity_id, 5)).state == "Ready"


async def test_destroying_stops_the_unit_and_tells_the_agent(pair: Pair):
    activity_id, unit = await pair.start()
    destroying = asyncio.create_task(pair.requestor.activities.destroy(activity_id, 5))
    assert isinstance(await unit.next(), Stop)
    await unit.say(StateChanged("Terminated", "stopped"))
    await asyncio.wait_for(destroying, 20)
    assert (await pair.provider.activities.state(activity_id, 5)).state == "Terminated"
    assert (await pair.requestor.activities.state(activity_id, 5)).state == "Terminated"
    kinds = [each.kind for each in await pair.provider.activities.provider_events(None, 0, 10)]
    assert kinds == ["CreateActivity", "DestroyActivity"]


async def test_no_exeunit_in_time_is_a_timeout_that_leaves_nothing_behind(pair: Pair):
    with pytest.raises(RequestTimeout, match="did not start"):
        await pair.requestor.activities.create(pair.requestor.node_id, "agreement", 0.05)
    [created, destroyed] = await pair.provider.activities.provider_events(None, 1, 10)
    assert (created.kind, destroyed.kind) == ("CreateActivity", "DestroyActivity")
    after = await pair.provider.activities.provider_events(created.at, 0, 10)
    assert after == [destroyed]


async def test_both_nodes_restart_in_the_middle_of_a_batch(tmp_path: Path):
    pair = Pair(tmp_path)
    async with pair.requestor.running(), pair.provider.running():
        activity_id, unit = await pair.start()
        batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
        await unit.result(batch_id, 0)
        assert len(await pair.requestor.activities.results(activity_id, batch_id, 0, 5)) == 1
    pair.requestor, pair.provider = pair.side(0), pair.side(1)
    async with pair.requestor.running(), pair.provider.running():
        again = FakeUnit(pair.provider.activities, activity_id)
        await again.connect("Ready", (batch_id,))
        polling = asyncio.create_task(pair.requestor.activities.results(activity_id, batch_id, None, 5))
        await again.result(batch_id, 1)
        await again.result(batch_id, 2, last=True)
        assert [each.index for each in await asyncio.wait_for(polling, 20)] == [0, 1, 2]
        events = [each async for each in pair.requestor.activities.events(activity_id, batch_id)]
        assert [each.index for each in events if "finished" in each.kind] == [0, 1, 2]


async def test_a_unit_that_does_not_come_back_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pair = Pair(tmp_path)
    async with pair.requestor.running(), pair.provider.running():
        activity_id, _ = await pair.start()
    monkeypatch.setattr("golemnet.daemon.activity.service.RESTART_GRACE_S", 0.05)
    pair.provider = pair.side(1)
    async with pair.provider.running():
        [created] = await pair.provider.activities.provider_events(None, 0, 1)
        [event] = await pair.provider.activities.provider_events(created.at, 5, 10)
        assert (event.kind, event.activity_id) == ("DestroyActivity", activity_id)


async def test_the_last_result_counts_though_the_end_comes_at_once(pair: Pair):
    activity_id, unit = await pair.start()
    batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
    for index in range(3):
        await unit.result(batch_id, index, last=index == 2)
    await unit.say(StateChanged("Terminated", "done"))
    results = await pair.requestor.activities.results(activity_id, batch_id, None, 5)
    assert [each.result for each in results] == ["Ok", "Ok", "Ok"]


async def test_results_can_be_had_after_the_end_was_seen(pair: Pair):
    activity_id, unit = await pair.start()
    requestor = pair.requestor.activities
    finished = await requestor.exec(activity_id, SCRIPT)
    broken = await requestor.exec(activity_id, SCRIPT)
    for index in range(3):
        await unit.result(finished, index, last=index == 2)
    await unit.say(StateChanged("Terminated", "out of memory"))
    assert (await requestor.state(activity_id, 5)).state == "Terminated"
    assert len(await requestor.results(activity_id, finished, None, 5)) == 3
    [failed] = await requestor.results(activity_id, broken, None, 5)
    assert "out of memory" in (failed.message or "")


async def test_polling_an_activity_that_is_destroyed_does_not_wait_for_ever(pair: Pair):
    activity_id, unit = await pair.start()
    requestor = pair.requestor.activities
    batch_id = await requestor.exec(activity_id, SCRIPT)
    await requestor.destroy(activity_id, 0)
    with pytest.raises(Gone):
        await requestor.results(activity_id, batch_id, None, 5)
    await unit.say(StateChanged("Terminated", "stopped"))
    [ended] = await requestor.results(activity_id, batch_id, None, 5)
    assert ended.is_batch_finished


async def test_a_late_answer_does_not_bring_an_activity_back(pair: Pair):
    activity_id, _ = await pair.start()
    requestor = pair.requestor.activities
    known = await requestor.requestor.get(activity_id)
    await asyncio.gather(requestor.destroy(activity_id, 0), requestor.requestor.state(known, 5))
    assert (await requestor.state(activity_id, 5)).state == "Terminated"


async def test_a_stranger_learns_nothing(pair: Pair):
    activity_id, _ = await pair.start()
    with pytest.raises(Forbidden):
        await pair.provider.activities.provider.of(NodeKey.generate().node_id, activity_id)
    with pytest.raises(NotFound):
        await pair.requestor.activities.exec("unknown", SCRIPT)


async def test_an_agreement_that_does_not_allow_it(pair: Pair):
    with pytest.raises(NotFound):
        await pair.requestor.activities.create(pair.requestor.node_id, "unknown", 1)
    with pytest.raises(Forbidden):
        await pair.provider.activities.create(pair.provider.node_id, "agreement", 1)
    pair.agreements["agreement"].state = "Terminated"
    with pytest.raises(BadRequest, match="Terminated"):
        await pair.requestor.activities.create(pair.requestor.node_id, "agreement", 1)


async def test_a_script_that_does_not_parse_is_refused_before_it_travels(pair: Pair):
    activity_id, unit = await pair.start()
    with pytest.raises(BadRequest, match="cannot be read"):
        await pair.requestor.activities.exec(activity_id, "[{]")
    assert unit.frames.empty()


async def test_the_end_of_the_agreement_ends_the_activity_on_both_sides(pair: Pair):
    activity_id, unit = await pair.start()
    await pair.provider.activities.agreement_ended("agreement")
    assert isinstance(await unit.next(), Stop)
    assert (await pair.provider.activities.state(activity_id, 5)).reason == "The agreement has ended."
    await pair.requestor.activities.agreement_ended("agreement")
    assert (await pair.requestor.activities.state(activity_id, 5)).state == "Terminated"


async def test_a_provider_out_of_reach_is_endured_for_a_while_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("golemnet.daemon.activity.requested_batches.SILENCE_S", 0.2)
    monkeypatch.setattr("golemnet.daemon.activity.requested_batches.PAUSE_S", 0.05)
    pair = Pair(tmp_path)
    async with pair.requestor.running():
        async with pair.provider.running():
            activity_id, _ = await pair.start()
            batch_id = await pair.requestor.activities.exec(activity_id, SCRIPT)
        assert await pair.requestor.activities.results(activity_id, batch_id, None, 0.1) == []
        with pytest.raises(ApiError, match="endpoint address not found"):
            await pair.requestor.activities.results(activity_id, batch_id, None, 5)

"""``execute_tasks`` from its market to its last task, with providers that work, fail and vanish."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from requestor_doors import NOW, ActivityDoor, MarketDoor, PaymentDoor, _result

from golemnet.requestor.budget import Budget
from golemnet.requestor.errors import NoWorker, TaskFailed
from golemnet.requestor.market import Market
from golemnet.requestor.payments import Cashier
from golemnet.requestor.published.jobs import Job
from golemnet.requestor.published.strategies import MarketStrategy, Scoring
from golemnet.requestor.published.workers import Feeder, Post, TaskWorker
from golemnet.requestor.run import Run
from golemnet.requestor.task_queue import MAX_ATTEMPTS, TaskQueue
from golemnet.rest.errors import GatewayTimeout
from golemnet.testing.clock import ManualClock
from yapapi import Task, events
from yapapi.props import Activity
from yapapi.props.builder import DemandBuilder
from yapapi.rest.activity import CommandExecutionError

SOON_S = 20.0


class TakesAll(MarketStrategy):
    """Looks at nothing."""

    async def score_offer(self, offer):
        return 1.0


class Activities(ActivityDoor):
    """Only what is run has a fate; setting up always succeeds."""

    async def batch_results(self, activity_id, batch_id, *, timeout_s, command_index):
        await asyncio.sleep(0)
        commands = self._batches[batch_id]
        results = []
        for index, command in enumerate(commands[: command_index + 1]):
            fate = self._fate(self._providers[activity_id]) if "run" in command else "ok"
            if fate == "lost":
                raise GatewayTimeout("The provider does not answer.")
            is_last = fate == "fails" or index == len(commands) - 1
            result = "Error" if fate == "fails" else "Ok"
            results.append(_result(index, result, stdout="done", stderr="bad", last=is_last))
            if fate == "fails":
                break
        return results


async def counting(context, tasks):
    async for task in tasks:
        script = context.new_script()
        result = script.run("/bin/wc", str(task.data))
        yield script
        task.accept_result((task.data, (await result).stdout))


class Here:
    """A job, and what can be seen of it."""

    def __init__(self, worker, queue, providers, fate, workers):
        self.events, self.door = [], MarketDoor(*providers)
        self.activities = Activities(self.door, fate)
        client = SimpleNamespace(market=self.door, activity=self.activities, payment=PaymentDoor())
        strategy, clock = TakesAll(), ManualClock(NOW)
        demand = DemandBuilder()
        demand.add(Activity(expiration=NOW + timedelta(hours=1)))
        hour = NOW + timedelta(hours=1)
        self.job = Job(None, client, strategy, self.events.append, hour, None, demand)
        self.market = Market(client, clock, demand.text(), Scoring(lambda: strategy), self.job.hear)
        self.market.tell, self.market.tailor = self.job.listen, self.job.tailor
        self.run = Run(
            client=client,
            clock=clock,
            market=self.market,
            cashier=Cashier(client, clock, Budget(Decimal(1)), "allocation", self.job.hear),
            files=SimpleNamespace(),
            drive=self._drive,
            queue=queue,
            max_workers=workers,
            emit=self.job.hear,
        )
        self._worker = worker

    async def _drive(self, session, queue, emit, done):
        await TaskWorker(Post(self.job, session, streams=False), queue, done).run(self._worker, True)

    async def results(self):
        done = []
        while (task := await self.run.next_done()) is not None:
            done.append(task.result)
        return done

    def heard(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def job(worker=counting, *, queue, providers=("ann", "bob"), fate=lambda provider: "ok", workers=2):
    here = Here(worker, queue, providers, fate, workers)
    await here.market.publish()
    buying = asyncio.create_task(here.market.run())
    here.run.start()
    try:
        async with asyncio.timeout(SOON_S):
            yield here
            await here.run.stop()
    finally:
        buying.cancel()
        await asyncio.gather(buying, return_exceptions=True)
    assert sorted(here.activities.created) == sorted(here.activities.destroyed)
    assert len(here.door.ended) == len(here.activities.created)


def queue_of(count):
    return TaskQueue([Task(number) for number in range(count)])


async def test_every_task_is_done_once_and_told_of():
    async with job(queue=queue_of(6)) as here:
        assert sorted(await here.results()) == [(number, "done") for number in range(6)]
    for kind in (events.TaskStarted, events.TaskAccepted, events.TaskFinished):
        assert sorted(event.task_data for event in here.heard(kind)) == list(range(6))
    assert {event.provider_info.name for event in here.heard(events.AgreementConfirmed)} <= {"ann", "bob"}
    reasons = {event.reason["golem.requestor.code"] for event in here.heard(events.AgreementTerminated)}
    assert reasons == {"Success"}


async def test_a_task_whose_provider_is_lost_is_done_elsewhere():
    fate = {"ann": "lost", "bob": "ok"}.get
    async with job(queue=queue_of(4), fate=fate) as here:
        assert len(await here.results()) == 4
    names = [event.provider_info.name for event in here.heard(events.TaskAccepted)]
    assert names == ["bob"] * 4


async def test_a_worker_that_fails_gives_its_task_to_another_provider():
    failed = []

    async def worker(context, tasks):
        async for task in tasks:
            if not failed:
                failed.append(context.provider_name)
                raise RuntimeError("no")
            task.accept_result(context.provider_name)
            yield context.new_script()

    async with job(worker, queue=queue_of(1), workers=1) as here:
        assert {*await here.results(), *failed} == {"ann", "bob"}
    [finished] = [event for event in here.heard(events.WorkerFinished) if event.exception]
    assert isinstance(finished.exception, RuntimeError)
    assert here.heard(events.AgreementTerminated)[0].reason["golem.requestor.code"] == "Cancelled"


async def test_a_command_that_fails_everywhere_ends_the_job():
    async with job(queue=queue_of(1), fate=lambda provider: "fails") as here:
        with pytest.raises(TaskFailed):
            await here.results()
    errors = [event.exception for event in here.heard(events.WorkerFinished) if event.exception]
    assert len(errors) == MAX_ATTEMPTS
    assert all(isinstance(error, CommandExecutionError) for error in errors)


async def test_what_is_rejected_is_done_again_only_if_that_is_wanted():
    async def worker(context, tasks):
        async for task in tasks:
            if task.data == 0 and not task.attempts:
                task.reject_result("bad", retry=True)
            elif task.data == 1:
                task.reject_result("worse")
            else:
                task.accept_result(task.data)
            yield context.new_script()

    async with job(worker, queue=queue_of(3)) as here:
        assert sorted(await here.results()) == [0, 2]
    assert Counter(event.reason for event in here.heard(events.TaskRejected)) == {"bad": 1, "worse": 1}


async def test_a_worker_that_wants_no_more_makes_room_for_another_provider():
    async def worker(context, tasks):
        async for task in tasks:
            task.accept_result(context.provider_name)
            yield context.new_script()
            await tasks.aclose()

    async with job(worker, queue=queue_of(4), workers=1) as here:
        assert set(await here.results()) == {"ann", "bob"}
    assert len(here.door.ended) == 4


async def test_a_worker_that_yields_no_script_is_told():
    async def worker(context, tasks):
        async for _ in tasks:
            yield "script"

    async with job(worker, queue=queue_of(1)) as here:
        with pytest.raises(NoWorker):
            await here.results()


async def test_an_asynchronous_source_is_read_as_workers_need_it():
    read = []

    async def source():
        for number in range(20):
            read.append(number)
            yield Task(number)

    queue = TaskQueue(is_open=True)
    async with job(queue=queue) as here:
        here.run.also(Feeder(source(), queue, 2).run())
        while (task := await here.run.next_done()) is not None:
            assert len(read) <= len(here.heard(events.TaskAccepted)) + 2 + 2 + 1
            assert task.running_time >= timedelta(0)
    assert len(here.heard(events.TaskAccepted)) == 20

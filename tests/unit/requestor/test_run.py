"""A run with providers that work, fail and vanish: every task ends, and nothing stays behind."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requestor_doors import NOW, ActivityDoor, MarketDoor, PaymentDoor

from golemnet.requestor.budget import Budget
from golemnet.requestor.demand import DemandText
from golemnet.requestor.engine import useful_workers
from golemnet.requestor.errors import CommandFailed, TaskFailed
from golemnet.requestor.events import ProviderGone, TaskRetried, WorkerSaid
from golemnet.requestor.market import Market
from golemnet.requestor.payments import Cashier
from golemnet.requestor.run import Run
from golemnet.requestor.strategies import LeastExpensiveLinearPayuMS
from golemnet.requestor.task_queue import MAX_ATTEMPTS, TaskQueue
from golemnet.requestor.tasks import Task
from golemnet.requestor.worker import driving
from golemnet.testing.clock import ManualClock

SOON_S = 20.0


async def counting(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/wc", str(task.data))
        [result] = yield ctx.commit()
        task.accept_task(result=(task.data, result.stdout))


class Job:
    """A run, and what can be seen of it."""

    def __init__(self, providers, fate, worker, tasks, workers):
        self.market_door = MarketDoor(*providers)
        self.activities = ActivityDoor(self.market_door, fate)
        self.events, self.clock = [], ManualClock(NOW)
        client = SimpleNamespace(market=self.market_door, activity=self.activities, payment=PaymentDoor())
        emit = self.events.append
        strategy = LeastExpensiveLinearPayuMS()
        self.market = Market(client, self.clock, DemandText({}, "()"), strategy, emit)
        self.cashier = Cashier(client, self.clock, Budget(Decimal(1)), "allocation", emit)
        self.run = Run(
            client=client,
            clock=self.clock,
            market=self.market,
            cashier=self.cashier,
            files=SimpleNamespace(),
            drive=driving(worker),
            queue=TaskQueue(tasks),
            max_workers=workers,
            emit=emit,
        )

    async def another_waits(self):
        """Return when there is somebody to sign with besides whoever works."""
        while not self.market.candidates.has_other_than(self.run._providers):  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def results(self):
        done = []
        while (task := await self.run.next_done()) is not None:
            done.append(task.result)
        return done


@asynccontextmanager
async def job(*, tasks, providers=("ann", "bob"), fate=lambda provider: "ok", worker=counting, workers=2):
    started = Job(providers, fate, worker, [Task(each) for each in tasks], workers)
    await started.market.publish()
    buying = asyncio.create_task(started.market.run())
    started.run.start()
    try:
        async with asyncio.timeout(SOON_S):
            yield started
            await started.run.stop()
    finally:
        buying.cancel()
        await asyncio.gather(buying, return_exceptions=True)
    await left_nothing_behind(started)


async def left_nothing_behind(job):
    created, destroyed, ended = job.activities.created, job.activities.destroyed, job.market_door.ended
    assert sorted(created) == sorted(destroyed)
    assert len(set(ended)) == len(ended) == len(created)
    cost = job.cashier.most(job.clock.now())
    await job.clock.advance(1000)
    assert job.cashier.most(job.clock.now()) == cost, "a meter still runs"


async def test_every_task_is_done_once_and_its_output_belongs_to_it():
    async with job(tasks=range(10)) as here:
        assert sorted(await here.results()) == [(number, "done") for number in range(10)]


@pytest.mark.parametrize(("count", "most", "workers"), [(0, 5, 1), (3, 5, 3), (9, 5, 5)])
def test_there_are_not_more_workers_than_tasks_but_one(count, most, workers):
    assert useful_workers([Task(None)] * count, most) == workers


def test_where_the_number_of_tasks_is_not_known_all_workers_are_useful():
    assert useful_workers((Task(None) for _ in range(1)), 5) == 5


async def test_a_run_without_tasks_ends_at_once():
    async with job(tasks=[], workers=useful_workers([], 5)) as here:
        assert await here.results() == []
        assert here.activities.created == []


async def test_the_task_of_a_provider_that_is_lost_goes_to_another():
    async with job(tasks=range(4), fate={"ann": "lost", "bob": "ok"}.get) as here:
        assert sorted(number for number, _ in await here.results()) == [0, 1, 2, 3]

    retried = [each.data for each in here.events if isinstance(each, TaskRetried)]
    assert len(retried) == len(set(retried)), "a task came back to where it was lost"
    lost = [each for each in here.events if isinstance(each, ProviderGone)]
    assert {each.provider_name for each in lost} == {"ann"}
    assert lost[0].problem.startswith("The provider is lost. The provider does not answer.")


@pytest.mark.parametrize("fate", ["fails", "lost"])
@pytest.mark.parametrize("providers", [("ann",), ("ann", "bob"), ("ann", "bob", "eve")])
async def test_a_task_that_fails_everywhere_fails_the_run_and_says_what_happened_where(fate, providers):
    async with job(tasks=["x"], providers=providers, fate=lambda provider: fate) as here:
        with pytest.raises(TaskFailed, match="The task 'x' failed 5 times") as failure:
            await here.results()

    assert {name for name in ("ann", "bob", "eve") if name in failure.value.why} == set(providers)
    assert {"fails": "no such file", "lost": "The provider does not answer."}[fate] in failure.value.why
    assert sum(isinstance(each, TaskRetried) for each in here.events) == MAX_ATTEMPTS


async def test_a_task_comes_back_to_a_provider_when_the_only_other_one_has_left():
    fates = {"ann": ["fails"], "bob": ["lost"]}

    def fate(provider):
        return fates[provider].pop() if fates[provider] else "ok"

    async with job(tasks=range(2), fate=fate) as here:
        here.market_door.leaving = ("bob",)
        assert sorted(number for number, _ in await here.results()) == [0, 1]


async def test_a_script_may_catch_a_command_that_failed_and_reject_the_task():
    async def rejecting(ctx, tasks):
        async for task in tasks:
            ctx.run("/bin/wc")
            try:
                yield ctx.commit()
            except CommandFailed as error:
                task.reject_task(error.stderr, retry=False)

    async with job(tasks=range(3), worker=rejecting, fate=lambda provider: "fails") as here:
        assert await here.results() == []
    assert {each.problem for each in here.events if isinstance(each, TaskRetried)} == {"no such file"}


async def test_results_that_are_always_rejected_fail_the_run_though_all_providers_stay():
    async def never_content(ctx, tasks):
        async for task in tasks:
            yield ctx.commit()
            task.reject_task("too dark")

    async with job(tasks=["x"], worker=never_content) as here:
        with pytest.raises(TaskFailed, match="too dark"):
            await here.results()


async def test_a_single_worker_takes_a_rejected_task_to_another_provider():
    seen = []

    async def choosy(ctx, tasks):
        async for task in tasks:
            yield ctx.commit()
            seen.append(ctx.provider_name)
            if len(seen) == 1:
                task.reject_task("too dark")
            else:
                task.accept_task(task.data)

    async with job(tasks=["x"], worker=choosy, workers=1) as here:
        await here.another_waits()
        assert await here.results() == ["x"]
    assert sorted(seen) == ["ann", "bob"]


async def test_asking_for_the_next_task_accepts_the_last_one():
    async def silent(ctx, tasks):
        async for _ in tasks:
            ctx.run("/bin/true")
            yield ctx.commit()

    async with job(tasks=range(3), worker=silent) as here:
        assert await here.results() == [None, None, None]


async def test_a_worker_that_ends_in_the_middle_has_not_done_its_task():
    tries = Counter()

    async def giving_up_once(ctx, tasks):
        async for task in tasks:
            yield ctx.commit()
            tries[task.data] += 1
            if tries[task.data] == 1:
                return
            task.accept_task(task.data)

    async with job(tasks=range(2), worker=giving_up_once) as here:
        assert sorted(await here.results()) == [0, 1]
    assert tries == {0: 2, 1: 2}


async def test_a_mistake_in_the_script_ends_the_run_with_it():
    async def mistaken(ctx, tasks):
        async for task in tasks:
            ctx.log("begins", task.data)
            yield ctx.commit()
            task.no_such_thing()

    async with job(tasks=range(3), worker=mistaken) as here:
        with pytest.raises(AttributeError, match="no_such_thing"):
            await here.results()
    assert any(isinstance(each, WorkerSaid) and each.text.startswith("begins") for each in here.events)


async def test_a_worker_that_is_no_generator_is_told_so():
    def no_generator(ctx, tasks):
        return None

    async with job(tasks=[1], worker=no_generator) as here:
        with pytest.raises(TypeError, match=r"yields ctx\.commit"):
            await here.results()


async def test_the_queue_knows_which_providers_are_there():
    async with job(tasks=range(100)) as here:
        seen = set()
        while seen != {"ann", "bob"}:
            seen.add((await here.run.next_done()).provider_name)
        assert here.run.queue.here({"0xann"})
        assert not here.run.queue.here({"0xann", "0xbob"})


async def test_a_run_that_is_left_early_ends_what_runs():
    async with job(tasks=range(100)) as here:
        await here.run.next_done()
    assert here.activities.created


FATES = st.lists(st.sampled_from(["ok", "ok", "fails", "lost"]), max_size=25)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(1, 3), st.sampled_from(["a", "ab", "abc"]), FATES)
def test_whatever_providers_do_the_run_ends_with_all_results_or_the_reason(count, workers, providers, fates):
    async def scenario():
        fate = iter(fates)
        async with job(
            tasks=range(count), workers=workers, providers=providers, fate=lambda _: next(fate, "ok")
        ) as here:
            try:
                assert sorted(number for number, _ in await here.results()) == list(range(count))
            except TaskFailed:
                assert fates.count("fails") + fates.count("lost") >= MAX_ATTEMPTS

    asyncio.run(scenario())

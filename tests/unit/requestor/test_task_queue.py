"""Which provider gets which task, and that no run of luck leaves a task in limbo."""

import asyncio
from collections import Counter
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golemnet.requestor.task_queue import MAX_ATTEMPTS, TaskQueue
from golemnet.requestor.tasks import Attempt, Task, TaskStatus

SOON_S = 20.0


def attempt(provider_id, problem="no disk"):
    return Attempt(provider_id, f"name of {provider_id}", problem)


async def take(queue, provider_id):
    """What a provider gets at once; "waits" if it gets nothing yet."""
    taking = asyncio.create_task(queue.take(provider_id))
    done, _ = await asyncio.wait({taking}, timeout=0.02)
    taking.cancel()
    if not done:
        return "waits"
    task = taking.result()
    if task is not None:
        task.begin(provider_id, lambda *_: None)
    return task


def accept(queue, task):
    task.accept_task()
    queue.accepted(task)


async def test_tasks_are_read_only_as_workers_ask():
    read = []

    def tasks():
        for number in range(3):
            read.append(number)
            yield Task(number)

    queue = TaskQueue(tasks())
    assert (await take(queue, "p")).data == 0
    assert read == [0]
    assert queue.has_waiting()
    assert read == [0, 1]


async def test_a_queue_is_done_when_no_task_waits_or_runs():
    queue = TaskQueue([Task(1)])
    done = asyncio.create_task(queue.wait_done())
    task = await take(queue, "p")
    assert not await queue_has_work_soon(queue)
    assert (queue.is_done, queue.running, done.done()) == (False, 1, False)

    accept(queue, task)
    async with asyncio.timeout(SOON_S):
        await done
    assert (queue.is_done, queue.running) == (True, 0)
    assert await take(queue, "p") is None
    assert await queue.wait_work() is False


async def queue_has_work_soon(queue):
    try:
        async with asyncio.timeout(0.02):
            return await queue.wait_work()
    except TimeoutError:
        return False


async def test_a_queue_without_tasks_is_done_once_somebody_asks():
    queue = TaskQueue([])
    assert await queue.wait_work() is False
    assert queue.is_done


async def test_a_task_that_failed_wakes_who_waits_for_work():
    queue = TaskQueue([Task(1)])
    task = await take(queue, "p")
    waiting = asyncio.create_task(queue.take("q"))
    await asyncio.sleep(0)
    queue.failed(task, attempt("p"))
    async with asyncio.timeout(SOON_S):
        assert await waiting is task
    assert task.attempts == [attempt("p")]


@pytest.mark.parametrize(
    ("tried", "others", "asks", "gets_it"),
    [
        ("", "", "p", True),
        ("p", "", "p", True),  # nobody else is there
        ("p", "q", "p", False),
        ("p", "q", "q", True),
        ("pq", "q", "p", True),  # everybody has tried
        ("pq", "qr", "p", False),
        ("pq", "qr", "r", True),
    ],
)
async def test_a_task_goes_to_a_provider_that_has_not_tried_it_if_there_is_one(tried, others, asks, gets_it):
    queue = TaskQueue([task := Task(1)])
    queue.here = lambda known: bool(set(others) - set(known))
    for provider_id in tried:
        queue.here, kept = lambda known: False, queue.here
        await take(queue, provider_id)
        queue.failed(task, attempt(provider_id))
        queue.here = kept

    assert await take(queue, asks) is (task if gets_it else "waits")


async def test_a_provider_takes_a_fresh_task_while_its_failed_one_waits_for_another():
    queue = TaskQueue([first := Task(1), second := Task(2)])
    queue.here = lambda known: True
    queue.failed(await take(queue, "p"), attempt("p"))

    assert await take(queue, "p") is second
    assert await take(queue, "p") == "waits"
    assert await take(queue, "q") is first


async def test_a_provider_leaves_when_one_that_is_not_there_yet_would_take_its_failed_task():
    queue = TaskQueue([Task(1)])
    queue.elsewhere = lambda known: "q" not in known
    queue.failed(await take(queue, "p"), attempt("p"))

    assert await take(queue, "p") is None
    assert not queue.is_done
    assert (queue.has_work_for("p"), queue.has_work_for("q")) == (False, True)


async def test_a_provider_stays_when_another_one_that_is_there_will_take_its_failed_task():
    queue = TaskQueue([Task(1)])
    queue.here = queue.elsewhere = lambda known: True
    queue.failed(await take(queue, "p"), attempt("p"))

    assert await take(queue, "p") == "waits"


async def test_a_provider_takes_its_failed_task_again_when_the_others_have_left():
    queue = TaskQueue([task := Task(1)])
    queue.here = lambda known: True
    queue.failed(await take(queue, "p"), attempt("p"))
    waiting = asyncio.create_task(queue.take("p"))
    await asyncio.sleep(0)

    queue.here = lambda known: False
    queue.nudge()
    async with asyncio.timeout(SOON_S):
        assert await waiting is task


async def test_a_task_that_failed_too_often_ends_the_run_and_tells_of_each_attempt():
    queue = TaskQueue([Task("frame 1"), Task("frame 2")], max_attempts=2)
    for provider_id in "pq":
        queue.failed(await take(queue, provider_id), attempt(provider_id, f"broken {provider_id}"))

    assert str(queue.failure) == (
        "The task 'frame 1' failed 2 times. at name of p: broken p; at name of q: broken q. "
        "Mend the command or its input; providers that failed it are named above."
    )
    assert queue.is_done
    assert not queue.has_waiting()
    assert await take(queue, "r") is None


async def test_a_task_that_shall_not_be_tried_again_does_not_fail_the_run():
    queue = TaskQueue([Task(1)])
    task = await take(queue, "p")
    task.reject_task(retry=False)
    queue.failed(task, attempt("p"))
    assert await queue.wait_work() is False
    assert (queue.is_done, queue.failure, task.status) == (True, None, TaskStatus.REJECTED)


class Market:
    """Slots with providers that accept, reject, give up tasks, or vanish, as fate decides."""

    def __init__(self, tasks, slots, providers, fate):
        self.queue = TaskQueue(tasks)
        self.queue.here = lambda tried: any(
            count > 0 and each not in tried for each, count in self.there.items()
        )
        self.there = Counter()
        self.slots, self.fate = slots, iter(fate)
        self.arrivals = cycle("pqr"[:providers])
        self.accepted = []

    async def run(self):
        async with asyncio.timeout(SOON_S), asyncio.TaskGroup() as group:
            for _ in range(self.slots):
                group.create_task(self._slot())

    async def _slot(self):
        while await self.queue.wait_work():
            provider_id = next(self.arrivals)
            self._count(provider_id, 1)
            await self._serve(provider_id)
            self._count(provider_id, -1)

    def _count(self, provider_id, change):
        self.there[provider_id] += change
        self.queue.nudge()

    async def _serve(self, provider_id):
        while (task := await self.queue.take(provider_id)) is not None:
            task.begin(provider_id, self._judged)
            await asyncio.sleep(0)
            match next(self.fate, "accept"):
                case "accept":
                    task.accept_task()
                case "reject":
                    task.reject_task()
                case "give up":
                    task.reject_task(retry=False)
                case "vanish":
                    self.queue.failed(task, attempt(provider_id))
                    return

    def _judged(self, task, accepted, problem):
        if accepted:
            self.accepted.append(task)
            self.queue.accepted(task)
        else:
            self.queue.failed(task, attempt(task.provider_name, problem))


FATES = st.lists(st.sampled_from(["accept", "reject", "reject", "give up", "vanish"]), max_size=30)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 5), st.integers(1, 3), st.integers(1, 3), FATES)
def test_whatever_happens_every_task_ends(count, slots, providers, fate):
    tasks = [Task(number) for number in range(count)]
    market = Market(tasks, slots, providers, fate)
    asyncio.run(market.run())

    assert market.queue.is_done
    assert market.queue.running == 0
    assert len(market.accepted) == len(set(map(id, market.accepted)))
    assert max((len(task.attempts) for task in tasks), default=0) <= MAX_ATTEMPTS
    if market.queue.failure is None:
        assert {task.status for task in tasks} <= {TaskStatus.ACCEPTED, TaskStatus.REJECTED}
        assert sum(task.status is TaskStatus.ACCEPTED for task in tasks) == len(market.accepted)
    else:
        assert any(len(task.attempts) == MAX_ATTEMPTS for task in tasks)


async def test_an_open_queue_takes_more_until_it_is_closed():
    queue = TaskQueue(is_open=True)
    assert await take(queue, "p") == "waits"
    queue.add(Task(1))
    accept(queue, await take(queue, "p"))
    assert (queue.is_idle, queue.is_done) == (True, False)
    queue.close()
    assert queue.is_done
    assert await take(queue, "p") is None


async def test_a_worker_that_finds_nothing_for_a_while_ends():
    queue = TaskQueue(is_open=True, patience_s=0.01)
    async with asyncio.timeout(SOON_S):
        assert await queue.take("p") is None
    assert not queue.is_done


async def test_a_batch_takes_those_that_are_alike():
    queue = TaskQueue(is_open=True)
    for number in range(6):
        queue.add(Task(number))
    assert (await take(queue, "p")).data == 0
    assert [task.data for task in queue.more("p", 2, lambda task: task.data % 2 == 1)] == [1, 3]
    assert [(await take(queue, "q")).data for _ in range(3)] == [2, 4, 5]


async def test_what_was_not_begun_waits_in_front_and_has_no_attempt():
    queue = TaskQueue(is_open=True)
    first, second = Task(1), Task(2)
    queue.add(first)
    queue.add(second)
    assert await take(queue, "p") is first
    queue.untouched(first, "p")
    assert await take(queue, "q") is first
    assert first.attempts == []


async def test_copies_of_a_task_go_to_different_providers():
    queue, asked = TaskQueue(is_open=True), set()
    for _ in range(2):
        queue.add(Task("copy", barred=asked))
    one = await take(queue, "p")
    assert await take(queue, "p") == "waits"
    assert not queue.may_have_work_for("p")
    assert queue.may_have_work_for("q")
    assert await take(queue, "q") is not one
    assert asked == {"p", "q"}


async def test_a_banned_provider_gets_nothing():
    banned = set()
    queue = TaskQueue(is_open=True, banned=banned)
    queue.add(Task(2))
    banned.add("p")
    assert await take(queue, "p") == "waits"
    assert not queue.may_have_work_for("p")
    assert (await take(queue, "q")).data == 2


async def test_a_task_has_as_many_attempts_as_it_says_and_its_failure_is_heard():
    failed = []
    queue = TaskQueue(is_open=True, on_failed=lambda task, error: failed.append((task, str(error))))
    task = Task("x", max_attempts=2)
    queue.add(task)
    for provider in ("p", "q"):
        assert await take(queue, provider) is task
        queue.failed(task, attempt(provider))
    assert queue.failure is None
    [(heard, text)] = failed
    assert heard is task
    assert "failed 2 times" in text


async def test_workers_that_come_are_counted():
    queue = TaskQueue(is_open=True)
    queue.add(Task(1))
    assert queue.has_waiting(0)
    assert not queue.has_waiting(1)
    queue.add(Task(2))
    assert queue.has_waiting(1)


async def test_a_task_that_nobody_wants_any_more_is_not_begun():
    queue = TaskQueue(is_open=True)
    task = Task(1)
    queue.add(task)
    queue.forget(task)
    assert await take(queue, "p") == "waits"
    assert queue.is_idle


async def taken_by(queue, *providers):
    """Which of the providers, all of which wait for work, gets which task at once."""
    waiting = {each: asyncio.create_task(queue.take(each)) for each in providers}
    await asyncio.sleep(0)
    return waiting


async def test_a_task_goes_to_whoever_has_what_it_needs():
    queue = TaskQueue(is_open=True)
    queue.homes = lambda task: {"late": ("c",)}.get(task.data, ())
    waiting = await taken_by(queue, "a", "b", "c")
    queue.add(Task("late"))
    async with asyncio.timeout(SOON_S):
        task = await waiting["c"]
    assert task.data == "late"
    assert not waiting["a"].done()

    queue.add(Task("any"))
    async with asyncio.timeout(SOON_S):
        assert (await waiting["a"]).data == "any"
    queue.close()
    accept_all(queue, task, waiting["a"].result())
    async with asyncio.timeout(SOON_S):
        assert await waiting["b"] is None


def accept_all(queue, *tasks):
    for task in tasks:
        task.begin("name", lambda *_: None)
        accept(queue, task)


async def test_nobody_waits_for_whoever_has_what_a_task_needs_but_is_busy_or_has_failed_it():
    queue = TaskQueue(is_open=True)
    queue.homes = lambda task: ("c",)
    queue.here = lambda tried: "a" not in tried
    queue.add(Task("one"))
    assert (await take(queue, "a")).data == "one"

    failed = Task("two")
    failed.attempts.append(attempt("c"))
    waiting = await taken_by(queue, "c")
    queue.add(failed)
    assert (await take(queue, "a")).data == "two"
    waiting["c"].cancel()


async def test_two_tasks_of_one_home_that_waits_are_done_by_two():
    queue = TaskQueue(is_open=True)
    queue.homes = lambda task: ("c",)
    waiting = await taken_by(queue, "a", "c")
    queue.add(Task("one"))
    queue.add(Task("two"))
    async with asyncio.timeout(SOON_S):
        found = [await each for each in waiting.values()]
    assert {task.data for task in found} == {"one", "two"}

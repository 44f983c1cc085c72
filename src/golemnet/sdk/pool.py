"""One image's share of the work: an open queue, workers at providers, and the futures of all calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.errors import CommandFailed, TaskFailed
from golemnet.requestor.events import Consumer, TaskDoubled
from golemnet.requestor.market import Market
from golemnet.requestor.session import CommandResult
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Task, TaskStatus
from golemnet.requestor.work_context import Leash, Work, WorkContext
from golemnet.requestor.worker import STOPPED, Tasks
from golemnet.sdk.calls import Bundle, Call, Outcome, Station
from golemnet.sdk.homes import Homes
from golemnet.sdk.speculation import LEAST_S, Flight, Pace

# An idle provider is kept for the next map for a while; its time costs money.
PATIENCE_S = 5.0
LOOK_S = 1.0
WATCH_S = 0.25

Answer = asyncio.Future[Outcome]


class Pool:
    """Workers that live as long as there is work, and a moment longer.

    Args:
        buyer: pays.
        market: has the demand for the image.
        workers: at most so many at once.
        banned: providers that get no more work.
        done: hears of each outcome.
        emit: hears of what is tried twice.
    """

    def __init__(
        self,
        buyer: Buyer,
        market: Market,
        workers: int,
        banned: set[str],
        done: Callable[[Call, Outcome], None],
        emit: Consumer,
    ) -> None:
        self._buyer = buyer
        self._workers = workers
        self._done = done
        self._emit = emit
        self._answers: dict[int, tuple[AnyTask, Answer]] = {}
        self._twins: dict[int, AnyTask] = {}
        self._firsts: dict[int, AnyTask] = {}
        self._flights: dict[int, Flight] = {}
        self._pace = Pace()
        self.market = market
        self.banned = banned
        self.failure: BaseException | None = None
        self._queue = TaskQueue(is_open=True, patience_s=PATIENCE_S, on_failed=self._failed, banned=banned)
        self._homes = Homes()
        self._queue.homes = lambda task: self._homes.of(task.data)
        self._run = buyer.start(market, self._work, self._queue, workers)
        self._dispatching = asyncio.create_task(self._dispatch())
        self._watching = asyncio.create_task(self._watch())

    def submit(self, call: Call, attempts: int, barred: set[str] | None = None) -> Answer:
        """The future outcome of a call; cancelling it lets the call be forgotten if it is not begun.

        Args:
            call: what is to be done.
            attempts: at so many providers at most.
            barred: providers that must not do it; whoever begins with it is added.
        """
        answer: Answer = asyncio.get_running_loop().create_future()
        if self.failure is not None:
            answer.set_exception(self.failure)
            return answer
        task: AnyTask = Task(call, max_attempts=attempts, barred=barred)
        self._answers[id(task)] = (task, answer)
        answer.add_done_callback(lambda _: self._drop(task))
        self._queue.add(task)
        return answer

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._answers)

    async def drain(self, end: BaseException) -> None:
        """Begin with nothing more; when what was begun is done, all the rest ends with ``end``."""
        self._queue.freeze()
        await self._queue.wait_still()
        self.failure = end
        # what is done comes before the end, for who takes results as they come
        arriving = [answer for task, answer in self._answers.values() if self._is_arriving(task)]
        if arriving:
            await asyncio.wait(arriving)
        for _, answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(end)

    def _is_arriving(self, task: AnyTask) -> bool:
        """Whether the outcome of a call, or that of its twin, is on its way to who has asked."""
        twin = self._twins.get(id(task))
        return any(each is not None and each.status is TaskStatus.ACCEPTED for each in (task, twin))

    async def close(self) -> None:
        """End all workers; calls that are not done are cancelled."""
        self._dispatching.cancel()
        self._watching.cancel()
        await self._buyer.stop(self._run)
        for _, answer in list(self._answers.values()):
            answer.cancel()

    async def _dispatch(self) -> None:
        """Hand out what is done, until a limit is reached or the run fails."""
        try:
            while (task := await self._buyer.next_done(self._run, LOOK_S)) is not None:
                self._deliver(task)
        except Exception as error:
            self._fail(error)
        self._fail(GolemError("The work was stopped."))
        await self._buyer.stop(self._run)

    def _deliver(self, task: AnyTask) -> None:
        outcome: Outcome = task.result  # pyright: ignore[reportAssignmentType]
        first = self._firsts.get(id(task), task)
        _, answer = self._answers.get(id(first), (None, None))
        self._pace.note(task.data.kind.name, outcome.seconds)
        if answer is not None and not answer.done():
            self._buyer.accepted += 1
            self._done(task.data, outcome)
            answer.set_result(outcome)

    def _failed(self, task: AnyTask, error: TaskFailed) -> None:
        _, answer = self._answers.get(id(task), (None, None))
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        for _, answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(self.failure)

    def _drop(self, task: AnyTask) -> None:
        """Nobody waits for a call any more: neither it nor its twin need be done."""
        self._answers.pop(id(task), None)
        twin = self._twins.pop(id(task), None)
        self._firsts.pop(id(twin), None)
        for each in (task, twin):
            if each is not None:
                self._queue.forget(each)
                each.reject_task(STOPPED, retry=False)

    async def _watch(self) -> None:
        """Have other machines try what takes too long, while they have nothing else to do."""
        while True:
            await asyncio.sleep(WATCH_S)
            now = time.monotonic()
            for flight in self._flights.values():
                if flight.is_vain and now - flight.began > LEAST_S:
                    flight.leash.pull()
            if not self._queue.waiting:
                self._double_one(now)

    def _double_one(self, now: float) -> None:
        for flight, task in self._pace.slow(list(self._flights.values()), now):
            is_first = id(task) not in self._twins and id(task) not in self._firsts
            if is_first and self._has_another(flight):
                barred = task.barred if task.is_barring else {flight.provider_id}
                twin: AnyTask = Task(task.data, max_attempts=1, barred=barred)
                self._twins[id(task)], self._firsts[id(twin)] = twin, task
                self._emit(
                    TaskDoubled(
                        data=repr(task.data), provider_name=task.provider_name, seconds=now - flight.began
                    )
                )
                self._queue.add(twin)
                return

    def _has_another(self, flight: Flight) -> bool:
        """Whether a provider that has nothing to do could take a call of this flight."""
        others = {flight.provider_id}
        is_free = len(self._flights) < self._workers
        return is_free and (self._queue.here(others) or self._queue.elsewhere(others))

    def _fair(self) -> int:
        """Half of an equal share: who is faster comes back sooner."""
        return self._queue.waiting // (2 * self._workers) + 1

    def _settle_in(self, bundle: Bundle, provider_id: str) -> None:
        for task in bundle.tasks:
            self._homes.note(task.data, provider_id)

    async def _work(self, ctx: WorkContext, tasks: Tasks) -> AsyncIterator[Work]:
        """The engine's worker: bundle after bundle in one container."""
        at = Station(ctx.provider_id, ctx.provider_name, ctx.log, self._fair)
        async for task in tasks:
            bundle = task.data.kind.bundle(task, tasks, at)
            flight = Flight(ctx.provider_id, bundle.tasks, time.monotonic(), Leash())
            self._flights[id(flight)] = flight
            try:
                work = bundle.begin()
                while work is not None:
                    work = msgspec.structs.replace(work, leash=flight.leash)
                    try:
                        results: list[CommandResult] = yield work  # pyright: ignore[reportAssignmentType]
                    except (CommandFailed, TimeoutError) as error:
                        bundle.failed(error)
                        work = None
                    else:
                        work = bundle.go_on(results)
                        if work is None:
                            self._settle_in(bundle, ctx.provider_id)
            finally:
                del self._flights[id(flight)]


def value_of(outcome: Outcome) -> Any:
    """The value of a call, or its exception."""
    if outcome.error is not None:
        raise outcome.error
    return outcome.value

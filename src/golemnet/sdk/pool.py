"""One image's share of the work: an open queue, workers at providers, and the futures of all calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.errors import CommandFailed, TaskFailed
from golemnet.requestor.market import Market
from golemnet.requestor.session import CommandResult
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Task
from golemnet.requestor.work_context import Work, WorkContext
from golemnet.requestor.worker import Tasks
from golemnet.sdk.calls import Call, Outcome, Station

# An idle provider is kept for the next map for a while; its time costs money.
PATIENCE_S = 5.0
LOOK_S = 1.0

Answer = asyncio.Future[Outcome]


class Pool:
    """Workers that live as long as there is work, and a moment longer.

    Args:
        buyer: pays.
        market: has the demand for the image.
        workers: at most so many at once.
        banned: providers that get no more work.
        done: hears of each outcome.
    """

    def __init__(
        self,
        buyer: Buyer,
        market: Market,
        workers: int,
        banned: set[str],
        done: Callable[[Call, Outcome], None],
    ) -> None:
        self._buyer = buyer
        self._workers = workers
        self._done = done
        self._answers: dict[int, tuple[AnyTask, Answer]] = {}
        self.market = market
        self.banned = banned
        self.failure: Exception | None = None
        self._queue = TaskQueue(is_open=True, patience_s=PATIENCE_S, on_failed=self._failed, banned=banned)
        self._run = buyer.start(market, self._work, self._queue, workers)
        self._dispatching = asyncio.create_task(self._dispatch())

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

    async def close(self) -> None:
        """End all workers; calls that are not done are cancelled."""
        self._dispatching.cancel()
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
        self._buyer.accepted += 1
        outcome: Outcome = task.result  # pyright: ignore[reportAssignmentType]
        self._done(task.data, outcome)
        _, answer = self._answers.get(id(task), (None, None))
        if answer is not None and not answer.done():
            answer.set_result(outcome)

    def _failed(self, task: AnyTask, error: TaskFailed) -> None:
        _, answer = self._answers.get(id(task), (None, None))
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or error
        for _, answer in list(self._answers.values()):
            if not answer.done():
                answer.set_exception(self.failure)

    def _drop(self, task: AnyTask) -> None:
        self._answers.pop(id(task), None)
        self._queue.forget(task)

    def _fair(self) -> int:
        """Half of an equal share: who is faster comes back sooner."""
        return self._queue.waiting // (2 * self._workers) + 1

    async def _work(self, ctx: WorkContext, tasks: Tasks) -> AsyncIterator[Work]:
        """The engine's worker: bundle after bundle in one container."""
        at = Station(ctx.provider_id, ctx.provider_name, ctx.log, self._fair)
        async for task in tasks:
            bundle = task.data.kind.bundle(task, tasks, at)
            work = bundle.begin()
            while work is not None:
                try:
                    results: list[CommandResult] = yield work  # pyright: ignore[reportAssignmentType]
                except (CommandFailed, TimeoutError) as error:
                    bundle.failed(error)
                    work = None
                else:
                    work = bundle.go_on(results)


def value_of(outcome: Outcome) -> Any:
    """The value of a call, or its exception."""
    if outcome.error is not None:
        raise outcome.error
    return outcome.value

"""Driving one worker generator of the script against one activity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from golemnet.requestor.errors import CommandFailed, ProviderLost
from golemnet.requestor.events import Consumer, TaskAccepted, TaskRetried, TaskStarted, WorkerSaid
from golemnet.requestor.session import CommandResult, Session
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Attempt, TaskStatus
from golemnet.requestor.work_context import Work, WorkContext

Worker = Callable[[WorkContext, AsyncIterator[AnyTask]], AsyncIterator[Work]]
MAX_SHOWN = 60


class WorkerRun:
    """One generator, from its first task until it ends or its provider is lost.

    Args:
        session: the activity.
        queue: where tasks come from.
        emit: hears what happens.
        done: takes each accepted task.
    """

    def __init__(
        self, session: Session, queue: TaskQueue, emit: Consumer, done: Callable[[AnyTask], None]
    ) -> None:
        self._session = session
        self._queue = queue
        self._emit = emit
        self._done = done
        self._provider = session.deal.candidate
        self._task: AnyTask | None = None
        self._began = 0.0

    async def run(self, worker: Worker) -> None:
        """Drive the generator to its end.

        Raises:
            ProviderLost: its task, if it had one, waits for another provider.
            CommandFailed: the script has not caught it; the same holds.
        """
        context = WorkContext(
            self._session.activity_id, self._provider.provider_id, self._provider.provider_name, self._say
        )
        try:
            async with aclosing(_generator(worker(context, self._tasks()))) as generator:
                await self._drive(generator)
        except (ProviderLost, CommandFailed, TimeoutError) as error:
            self._give_back(str(error) or "It took too long.")
            raise
        except asyncio.CancelledError:
            self._give_back("The run was stopped.")
            raise
        # A worker that ends in the middle of a task has not done it.
        self._give_back("The worker ended without accepting the task.")

    async def _drive(self, generator: AsyncGenerator[Work, list[CommandResult]]) -> None:
        try:
            work = await anext(generator)
            while True:
                work = await self._step(generator, work)
        except StopAsyncIteration:
            return

    async def _step(self, generator: AsyncGenerator[Work, list[CommandResult]], work: Work) -> Work:
        try:
            results = await self._session.execute(work)
        except (CommandFailed, TimeoutError) as error:
            return await generator.athrow(error)
        return await generator.asend(results)

    async def _tasks(self) -> AsyncIterator[AnyTask]:
        """What the worker iterates over; asking for the next task accepts one that was not judged."""
        while True:
            if self._task is not None:
                self._task.accept_task()
            task = await self._queue.take(self._provider.provider_id)
            if task is None:
                return
            self._task, self._began = task, time.monotonic()
            task.begin(self._provider.provider_name, self._judged)
            self._emit(TaskStarted(data=_shown(task), provider_name=self._provider.provider_name))
            yield task

    def _judged(self, task: AnyTask, accepted: bool, problem: str) -> None:
        self._task = None
        if not accepted:
            self._retry(task, problem)
            return
        self._queue.accepted(task)
        seconds = time.monotonic() - self._began
        name = self._provider.provider_name
        self._emit(TaskAccepted(data=_shown(task), provider_name=name, seconds=seconds))
        self._done(task)

    def _give_back(self, problem: str) -> None:
        task, self._task = self._task, None
        if task is not None and task.status is TaskStatus.RUNNING:
            self._retry(task, problem)

    def _retry(self, task: AnyTask, problem: str) -> None:
        name = self._provider.provider_name
        self._queue.failed(task, Attempt(self._provider.provider_id, name, problem))
        self._emit(TaskRetried(data=_shown(task), provider_name=name, problem=problem))

    def _say(self, text: str) -> None:
        self._emit(WorkerSaid(provider_name=self._provider.provider_name, text=text))


def _shown(task: AnyTask) -> str:
    text = repr(task.data)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _generator(work: AsyncIterator[Work]) -> AsyncGenerator[Work, Any]:
    if not isinstance(work, AsyncGenerator):
        raise TypeError("a worker is an `async def` function that yields ctx.commit()")
    return work

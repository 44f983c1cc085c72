"""Driving one worker generator of the script against one activity."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Self

from golemnet.requestor.errors import CommandFailed, NoWorker, ProviderLost
from golemnet.requestor.events import (
    Consumer,
    TaskAccepted,
    TaskRetried,
    TaskStarted,
    WorkerEnded,
    WorkerSaid,
)
from golemnet.requestor.session import CommandResult, Session
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Attempt, TaskStatus
from golemnet.requestor.work_context import Work, WorkContext

MAX_SHOWN = 60
STOPPED = "The run was stopped."


class Tasks:
    """What a worker iterates over. A worker that can do several tasks in one batch asks for ``more``."""

    def __init__(self, run: WorkerRun) -> None:
        self._run = run

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnyTask:
        task = await self._run.next_task()
        if task is None:
            raise StopAsyncIteration
        return task

    def more(self, count: int, alike: Callable[[AnyTask], bool] = lambda task: True) -> list[AnyTask]:
        """Up to ``count`` further tasks, of those that wait now."""
        return self._run.more_tasks(count, alike)

    def put_back(self, task: AnyTask) -> None:
        """Let others have a task that was taken and not begun."""
        self._run.put_back(task)


Worker = Callable[[WorkContext, Tasks], AsyncIterator[Work]]
Done = Callable[[AnyTask], None]
Drive = Callable[[Session, TaskQueue, Consumer, Done], Awaitable[None]]
"""Does the work of one activity, from its first task until there is none for it, or its provider is lost."""


def driving(worker: Worker) -> Drive:
    """Let a generator of the script do the work of an activity."""

    async def drive(session: Session, queue: TaskQueue, emit: Consumer, done: Done) -> None:
        await WorkerRun(session, queue, emit, done).run(worker)

    return drive


class WorkerRun:
    """One generator, from its first task until it ends or its provider is lost.

    Args:
        session: the activity.
        queue: where tasks come from.
        emit: hears what happens.
        done: takes each accepted task.
    """

    def __init__(self, session: Session, queue: TaskQueue, emit: Consumer, done: Done) -> None:
        self._session = session
        self._queue = queue
        self._emit = emit
        self._done = done
        self._provider = session.deal.candidate
        self._began: dict[int, float] = {}
        self._tasks: dict[int, AnyTask] = {}
        self._has_asked = False

    async def run(self, worker: Worker) -> None:
        """Drive the generator to its end.

        Raises:
            ProviderLost: its task, if it had one, waits for another provider.
            CommandFailed: the script has not caught it; the same holds.
            NoWorker: it is no generator, or yields something else than work.
        """
        context = WorkContext(
            self._session.activity_id, self._provider.provider_id, self._provider.provider_name, self._say
        )
        try:
            async with aclosing(_generator(worker(context, Tasks(self)))) as generator:
                await self._drive(generator)
        except (CommandFailed, TimeoutError) as error:
            self._ended(_problem(error))
            raise
        except ProviderLost as error:
            self._give_back(str(error))
            raise
        except asyncio.CancelledError:
            self._give_back(STOPPED)
            raise
        # A worker that ends in the middle of a task has not done it.
        self._ended("The worker ended without accepting the task.")

    def _ended(self, problem: str) -> None:
        """The script, or a command of it, has ended the worker."""
        if self._has_asked:
            self._give_back(problem)
            return
        name = self._provider.provider_name
        self._queue.worker_failed(Attempt(self._provider.provider_id, name, problem))
        self._emit(WorkerEnded(provider_name=name, problem=problem))

    async def _drive(self, generator: AsyncGenerator[Work, list[CommandResult]]) -> None:
        try:
            work = await anext(generator)
            while True:
                work = await self._step(generator, work)
        except StopAsyncIteration:
            return

    async def _step(self, generator: AsyncGenerator[Work, list[CommandResult]], work: Work) -> Work:
        try:
            results = await self._session.execute(_work(work))
        except (CommandFailed, TimeoutError) as error:
            return await generator.athrow(error)
        return await generator.asend(results)

    async def next_task(self) -> AnyTask | None:
        """The next task of the worker; asking for it accepts those that were not judged."""
        for task in list(self._tasks.values()):
            task.accept_task()
        self._has_asked = True
        task = await self._queue.take(self._provider.provider_id)
        if task is not None:
            self._begin(task)
        return task

    def more_tasks(self, count: int, alike: Callable[[AnyTask], bool]) -> list[AnyTask]:
        """Further tasks of the worker, as many as wait."""
        found = self._queue.more(self._provider.provider_id, count, alike)
        for task in found:
            self._begin(task)
        return found

    def put_back(self, task: AnyTask) -> None:
        """The worker has not begun with a task."""
        if self._tasks.pop(id(task), None) is not None:
            self._queue.untouched(task, self._provider.provider_id)

    def _begin(self, task: AnyTask) -> None:
        self._tasks[id(task)], self._began[id(task)] = task, time.monotonic()
        task.begin(self._provider.provider_name, self._judged)
        self._emit(TaskStarted(data=_shown(task), provider_name=self._provider.provider_name))

    def _judged(self, task: AnyTask, accepted: bool, problem: str) -> None:
        self._tasks.pop(id(task), None)
        seconds = time.monotonic() - self._began.pop(id(task))
        if not accepted:
            self._retry(task, problem, seconds)
            return
        self._queue.accepted(task)
        name = self._provider.provider_name
        self._emit(TaskAccepted(data=_shown(task), provider_name=name, seconds=seconds))
        self._done(task)

    def _give_back(self, problem: str) -> None:
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            if task.status is TaskStatus.RUNNING:
                self._retry(task, problem, time.monotonic() - self._began.pop(id(task)))

    def _retry(self, task: AnyTask, problem: str, seconds: float) -> None:
        provider_id, name = self._provider.provider_id, self._provider.provider_name
        self._queue.failed(task, Attempt(provider_id, name, problem))
        self._emit(
            TaskRetried(
                data=_shown(task),
                provider_id=provider_id,
                provider_name=name,
                problem=problem,
                seconds=seconds,
            )
        )

    def _say(self, text: str) -> None:
        self._emit(WorkerSaid(provider_name=self._provider.provider_name, text=text))


def _shown(task: AnyTask) -> str:
    text = repr(task.data)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def check_worker(worker: Worker) -> None:
    """Find out before anything is paid for what can never work. Raises NoWorker."""
    if not callable(worker):
        raise _no_worker(f"{worker!r} is not a function")
    if inspect.iscoroutinefunction(worker):
        raise _no_worker("it never yields")
    if inspect.isgeneratorfunction(worker):
        raise _no_worker("it is a plain `def` function")


def _generator(work: AsyncIterator[Work]) -> AsyncGenerator[Work, Any]:
    if not isinstance(work, AsyncGenerator):
        raise _no_worker(f"it returns {_type(work)}")
    return work


def _work(yielded: object) -> Work:
    if not isinstance(yielded, Work):
        raise NoWorker(
            f"The worker has yielded {_type(yielded)}, which is no work.",
            next_step="Yield what the context has recorded: `yield ctx.commit()`.",
        )
    return yielded


def _no_worker(why: str) -> NoWorker:
    return NoWorker(
        f"The worker cannot be used: {why}.",
        why="A worker is an `async def` function that yields ctx.commit().",
        next_step="Write it like this: `async for task in tasks: ...; yield ctx.commit()`.",
    )


def _type(thing: object) -> str:
    return "None" if thing is None else f"a {type(thing).__name__}"


def _problem(error: CommandFailed | TimeoutError) -> str:
    if isinstance(error, CommandFailed):
        return error.problem
    return str(error) or "It took too long."

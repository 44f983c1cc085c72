"""Letting a worker of 0.13.1 do tasks in one activity."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import aclosing
from typing import Any, Self

from golemnet.requestor.errors import NoWorker, ProviderLost
from golemnet.requestor.published import events
from golemnet.requestor.published.agreements import Activity
from golemnet.requestor.published.batches import Executor, Results, ScriptGenerator, drive
from golemnet.requestor.published.context import WorkContext
from golemnet.requestor.published.events import ExcInfo, exc_info_of
from golemnet.requestor.published.jobs import Job
from golemnet.requestor.published.script import Script
from golemnet.requestor.session import Session
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Attempt, TaskStatus
from golemnet.requestor.worker import STOPPED

CANCELLED = {"message": "Work cancelled", "golem.requestor.code": "Cancelled"}
Worker = Callable[[WorkContext, "Tasks"], ScriptGenerator]


class Tasks:
    """What a worker iterates over; ``aclose`` says that it wants no more."""

    def __init__(self, following: Callable[[], Any]) -> None:
        self._following = following
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        task = None if self._is_closed else await self._following()
        if task is None:
            raise StopAsyncIteration
        return task

    async def aclose(self) -> None:
        """No task after this one: another provider is looked for."""
        self._is_closed = True


class Post:
    """Where work is done: the session of an activity, with what scripts and events need of it."""

    def __init__(self, job: Job, session: Session, streams: bool) -> None:
        self.job = job
        self.session = session
        self.agreement = job.agreements[session.deal.agreement_id]
        self.activity = Activity(session.client, session.activity_id)
        self.executor = Executor(session, streams)
        self.context = WorkContext(self.activity, self.agreement, session.files, job.emit)

    def begin(self) -> None:
        """Tell that somebody works here."""
        self.job.emit(events.WorkerStarted, agreement=self.agreement)
        self.context.emit(events.ActivityCreated)

    async def submit(self, script: Script) -> Results:
        """Execute a script."""
        if not isinstance(script, Script):
            raise NoWorker(f"The worker has yielded a {type(script).__name__}, which is no script.")
        return await self.executor.submit(script)

    def end(self, error: BaseException | None = None) -> None:
        """Tell that nobody works here any more."""
        self.executor.close()
        exc_info: ExcInfo | None = None if error is None else exc_info_of(error)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.session.reason = CANCELLED
        self.context.emit(events.WorkerFinished, exc_info=exc_info)


class TaskWorker:
    """One worker generator, from its first task until it ends, fails, or its provider is lost.

    Args:
        post: where.
        queue: where tasks come from.
        done: takes each accepted task.
    """

    def __init__(self, post: Post, queue: TaskQueue, done: Callable[[AnyTask], None]) -> None:
        self._post = post
        self._queue = queue
        self._done = done
        self._task: AnyTask | None = None
        self._has_asked = False

    async def run(self, worker: Worker, implicit_init: bool) -> None:
        """Drive the generator to its end; whatever it raises sends its task elsewhere.

        Raises:
            ProviderLost: its task waits for another provider.
        """
        self._post.begin()
        try:
            if implicit_init:
                await self._post.submit(self._beginning())
            async with aclosing(worker(self._post.context, Tasks(self._next))) as generator:
                await drive(generator, self._post.submit)
        except asyncio.CancelledError as error:
            self._give_back(STOPPED)
            self._post.end(error)
            raise
        except (ProviderLost, NoWorker) as error:
            self._give_back(str(error))
            self._post.end(error)
            raise
        except Exception as error:
            self._ended(str(error) or repr(error))
            self._post.end(error)
        else:
            self._ended("The worker ended without accepting the task.")
            self._post.end()

    def _beginning(self) -> Script:
        script = self._post.context.new_script()
        script.deploy()
        script.start()
        return script

    async def _next(self) -> AnyTask | None:
        """The next task; asking for it accepts one that was not judged."""
        if self._task is not None:
            self._task.accept_task()
        self._has_asked = True
        self._task = await self._queue.take(self._provider.provider_id)
        if self._task is not None:
            self._task.begin(self._provider.provider_name, self._judged)
            self._post.context.emit(events.TaskStarted, task=self._task)
        return self._task

    def _judged(self, task: AnyTask, accepted: bool, problem: str) -> None:
        self._task = None
        if accepted:
            self._queue.accepted(task)
            self._post.context.emit(events.TaskAccepted, task=task)
        else:
            self._retry(task, problem)
            self._post.context.emit(events.TaskRejected, task=task, reason=problem)
        self._post.context.emit(events.TaskFinished, task=task)
        if accepted:
            self._done(task)

    def _ended(self, problem: str) -> None:
        if self._has_asked:
            self._give_back(problem)
        else:
            self._queue.worker_failed(self._attempt(problem))

    def _give_back(self, problem: str) -> None:
        task, self._task = self._task, None
        if task is not None and task.status is TaskStatus.RUNNING:
            self._retry(task, problem)

    def _retry(self, task: AnyTask, problem: str) -> None:
        self._queue.failed(task, self._attempt(problem))

    def _attempt(self, problem: str) -> Attempt:
        return Attempt(self._provider.provider_id, self._provider.provider_name, problem)

    @property
    def _provider(self) -> Any:
        return self._post.session.deal.candidate


class Feeder:
    """Reads tasks from an asynchronous source as workers need them.

    Args:
        source: the tasks.
        queue: an open queue.
        ahead: how many wait at most.
    """

    def __init__(self, source: AsyncIterable[Any], queue: TaskQueue, ahead: int) -> None:
        self._source = source
        self._queue = queue
        self._free = asyncio.Semaphore(ahead)

    async def run(self) -> None:
        """Read to the end, and close the queue."""
        try:
            async for task in self._source:
                await self._free.acquire()
                task.on_begin = self._free.release
                self._queue.add(task)
        finally:
            self._queue.close()

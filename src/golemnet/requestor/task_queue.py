"""Which worker gets which task, and what becomes of the tasks that fail. No I/O; it waits for itself only."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from golemnet.errors import GolemError
from golemnet.requestor.errors import TaskFailed, WorkerFailed
from golemnet.requestor.summary import counted
from golemnet.requestor.tasks import Attempt, Move, Task, TaskStatus

MAX_ATTEMPTS = 5
AnyTask = Task[Any, Any]


class TaskQueue:
    """Hands out tasks, each to one worker at a time.

    ``here`` says whether a provider other than those named works for the run, ``elsewhere`` whether one
    would if it were asked, ``siblings`` which providers have one owner, ``homes`` which providers have what a
    task needs: one of them gets it, if it waits for work. An open queue takes more tasks by ``add`` until it
    is closed.

    Args:
        tasks: any iterable; it is read only as workers ask.
        max_attempts: how often a task is tried before the run fails, unless the task knows better.
        is_open: more may be added.
        patience_s: how long a worker waits for a task before it ends; without it, until all are done.
        on_failed: hears of a task that has failed for good, instead of the whole run.
        banned: providers that get no task.
    """

    def __init__(
        self,
        tasks: Iterable[AnyTask] = (),
        *,
        max_attempts: int = MAX_ATTEMPTS,
        is_open: bool = False,
        patience_s: float | None = None,
        on_failed: Callable[[AnyTask, TaskFailed], None] | None = None,
        banned: Collection[str] = (),
    ) -> None:
        self._fresh: Iterator[AnyTask] = iter(tasks)
        self._again: list[AnyTask] = []
        self._running: set[int] = set()
        self._exhausted = is_open
        self._is_open = is_open
        self._max_attempts = max_attempts
        self._patience_s = patience_s
        self._on_failed = on_failed
        self._banned = banned
        self.here: Callable[[Collection[str]], bool] = _nobody_else
        self.elsewhere: Callable[[Collection[str]], bool] = _nobody_else
        self.siblings: Callable[[str], Collection[str]] = _itself
        self.homes: Callable[[AnyTask], Collection[str]] = _nowhere
        self._free: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._barren: list[Attempt] = []
        self._is_frozen = False
        self.failure: GolemError | None = None

    @property
    def is_done(self) -> bool:
        """Whether no task waits or runs and none can come, or the run has failed."""
        return self.failure is not None or (self.is_idle and not self._is_open)

    @property
    def is_idle(self) -> bool:
        """Whether no task waits or runs, or the run has failed."""
        return self.failure is not None or (self._exhausted and not self._again and not self._running)

    @property
    def waiting(self) -> int:
        """How many tasks are known to wait."""
        return len(self._again)

    @property
    def running(self) -> int:
        """How many tasks are being worked on."""
        return len(self._running)

    def has_waiting(self, coming: int = 0) -> bool:
        """Whether a further worker would find work, besides ``coming`` ones that will take a task each."""
        if self._is_frozen:
            return False
        if not self._again and not self._exhausted:
            self._read_ahead()
        return self.failure is None and (not self._exhausted or len(self._again) > coming)

    def add(self, task: AnyTask) -> None:
        """One more task."""
        self._again.append(task)
        self._changed.set()

    def close(self) -> None:
        """No more will be added."""
        self._is_open = False
        self._changed.set()

    def freeze(self) -> None:
        """Nothing more is handed out; what is being worked on goes on."""
        self._is_frozen = True
        self._changed.set()

    async def wait_still(self) -> None:
        """Return when nothing is being worked on."""
        while self._running:
            self._changed.clear()
            await self._changed.wait()

    def forget(self, task: AnyTask) -> None:
        """Nobody wants to know about a task any more: it is not begun."""
        if task in self._again:
            self._again.remove(task)
            self._changed.set()

    async def take(self, provider_id: str) -> AnyTask | None:
        """The next task for a provider; None when there will be none, or another shall take its place."""
        self._barren.clear()
        self._free[provider_id] += 1
        try:
            return await self._take(provider_id)
        finally:
            self._free[provider_id] -= 1
            if self._again and any(self._free.values()):
                self._changed.set()  # somebody may have left a task to this one

    async def _take(self, provider_id: str) -> AnyTask | None:
        deadline = math.inf if self._patience_s is None else time.monotonic() + self._patience_s
        while self.failure is None:
            task = self._next(provider_id)
            if task is not None:
                self._started(task, provider_id)
                return task
            if self.is_done or self._wants_another() or not await self._change(deadline):
                break
        return None

    def more(self, provider_id: str, count: int, alike: Callable[[AnyTask], bool]) -> list[AnyTask]:
        """Up to ``count`` further tasks for a provider, those of the waiting that are ``alike``, at once."""
        count = 0 if self._is_frozen else count
        chosen: list[AnyTask] = []
        rest: list[AnyTask] = []
        for task in self._again:
            fits = len(chosen) < count and self._suits(task, provider_id) and alike(task)
            (chosen if fits else rest).append(task)
            if fits:
                self._started(task, provider_id)
        self._again = rest
        return chosen

    def untouched(self, task: AnyTask, provider_id: str) -> None:
        """A provider has not begun with a task that it took: it waits for whoever comes next."""
        task.barred.discard(provider_id)
        self._running.discard(id(task))
        task.move(Move.RETRY)
        self._again.insert(0, task)
        self._changed.set()

    def _started(self, task: AnyTask, provider_id: str) -> None:
        self._running.add(id(task))
        if task.is_barring:
            task.barred.add(provider_id)

    async def _change(self, deadline: float) -> bool:
        """Whether something has changed before the deadline."""
        self._changed.clear()
        left_s = deadline - time.monotonic()
        try:
            async with asyncio.timeout(None if math.isinf(left_s) else max(left_s, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def has_work_for(self, provider_id: str) -> bool:
        """Whether a provider could begin with a task that it has not tried."""
        return not self._exhausted or any(provider_id not in self._tried(task) for task in self._again)

    def may_have_work_for(self, provider_id: str) -> bool:
        """Whether there is a task that is not forbidden to a provider."""
        if self._is_banned(provider_id):
            return False
        return not self._exhausted or any(not self._is_barred(task, provider_id) for task in self._again)

    async def wait_work(self, coming: Callable[[], int] = lambda: 0) -> bool:
        """Wait until a task waits for a worker besides those that come; False if there will be none."""
        while not self.has_waiting(coming()):
            if self.is_done:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def wait_done(self) -> None:
        """Return when no task waits or runs, and none can come."""
        while not self.is_done:
            self._changed.clear()
            await self._changed.wait()

    async def wait_idle(self) -> None:
        """Return when no task waits or runs."""
        while not self.is_idle:
            self._changed.clear()
            await self._changed.wait()

    def accepted(self, task: AnyTask) -> None:
        """A task is done."""
        self._running.discard(id(task))
        self._changed.set()

    def failed(self, task: AnyTask, attempt: Attempt) -> None:
        """An attempt came to nothing; the task waits for another one, or the run has failed."""
        self._running.discard(id(task))
        task.attempts.append(attempt)
        most = task.max_attempts or self._max_attempts
        if task.status is TaskStatus.RUNNING and len(task.attempts) < most:
            task.move(Move.RETRY)
            self._again.append(task)
        elif task.status is not TaskStatus.REJECTED:
            task.move(Move.GIVE_UP)
            self._failed_for_good(task)
        self._changed.set()

    def _failed_for_good(self, task: AnyTask) -> None:
        if self._on_failed is None:
            self.failure = task_failed(task)
        else:
            self._on_failed(task, task_failed(task))

    def worker_failed(self, attempt: Attempt) -> None:
        """A worker has ended before it took a task; the run has failed if one after the other does."""
        self._barren.append(attempt)
        if len(self._barren) >= self._max_attempts:
            self.failure = workers_failed(self._barren)
        self._changed.set()

    def nudge(self) -> None:
        """Look again: which providers there are has changed."""
        self._changed.set()

    def _next(self, provider_id: str) -> AnyTask | None:
        if self._is_frozen:
            return None
        if not self._again:
            self._read_ahead()
        for position, task in enumerate(self._again):
            if self._suits(task, provider_id) and not self._is_awaited(task, provider_id):
                return self._again.pop(position)
        return self._fresh_one() if self._again else None

    def _fresh_one(self) -> AnyTask | None:
        """A task that nobody has tried, where those that wait are not for this provider."""
        task = next(self._fresh, None)
        if task is None:
            self._exhausted = True
        return task

    def _read_ahead(self) -> None:
        task = next(self._fresh, None)
        if task is None:
            self._exhausted = True
            self._changed.set()
        else:
            self._again.append(task)

    def _suits(self, task: AnyTask, provider_id: str) -> bool:
        """A task goes elsewhere than where it failed, if there is an elsewhere that has not failed it."""
        if self._is_banned(provider_id) or self._is_barred(task, provider_id):
            return False
        tried = self._tried(task)
        return provider_id not in tried or not (self.here(tried) or self.elsewhere(tried))

    def _is_awaited(self, task: AnyTask, provider_id: str) -> bool:
        """Whether another provider, which waits for work, has what a task needs."""
        homes = self.homes(task)
        return provider_id not in homes and any(
            self._free[each] and self._suits(task, each) for each in homes
        )

    def _wants_another(self) -> bool:
        """Whether a task that waits is only for providers that do not work for the run yet."""
        tries = [self._tried(task) for task in self._again]
        return any(not self.here(tried) and self.elsewhere(tried) for tried in tries)

    def _tried(self, task: AnyTask) -> set[str]:
        """Providers that shall not have a task again, if there are others."""
        tried = {attempt.provider_id for attempt in task.attempts}
        if task.is_barring:
            tried.update(*(self.siblings(provider_id) for provider_id in task.barred))
        return tried

    def _is_banned(self, provider_id: str) -> bool:
        return any(each in self._banned for each in self.siblings(provider_id))

    def _is_barred(self, task: AnyTask, provider_id: str) -> bool:
        """Whether a task must not go to a provider, on its own or its owner's account."""
        return task.is_barring and not task.barred.isdisjoint(self.siblings(provider_id))


def _itself(provider_id: str) -> Collection[str]:
    return (provider_id,)


def _nowhere(task: AnyTask) -> Collection[str]:
    return ()


def _nobody_else(tried: Collection[str]) -> bool:
    return False


def task_failed(task: AnyTask) -> TaskFailed:
    """The error that ends a run, with what each attempt came to."""
    return TaskFailed(
        f"The task {task.data!r} failed {counted(len(task.attempts), 'time')}.",
        attempts=tuple(task.attempts),
        why=_told(task.attempts),
        next_step="Mend the command or its input; providers that failed it are named above.",
    )


def workers_failed(attempts: Sequence[Attempt]) -> WorkerFailed:
    """The error that ends a run in which no worker gets as far as a task."""
    return WorkerFailed(
        f"{len(attempts)} workers have ended before they took a task.",
        why=_told(attempts),
        next_step="Mend what the worker does first, and let it ask for tasks: `async for task in tasks`.",
    )


def _told(attempts: Sequence[Attempt]) -> str:
    """What happened where; the same problem is told once."""
    where: dict[str, dict[str, None]] = {}
    for attempt in attempts:
        where.setdefault(attempt.problem, {})[attempt.provider_name] = None
    return "; ".join(f"at {', '.join(names)}: {problem}" for problem, names in where.items())

"""A task, and what may happen to it, as one table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

TaskData = TypeVar("TaskData")
TaskResult = TypeVar("TaskResult")


class TaskStatus(Enum):
    """Where a task is."""

    WAITING = 1
    RUNNING = 2
    ACCEPTED = 3
    REJECTED = 4


class Move(Enum):
    """What happens to a task."""

    START = "start"
    ACCEPT = "accept"
    RETRY = "retry"
    GIVE_UP = "give up"


TRANSITIONS: dict[tuple[TaskStatus, Move], TaskStatus] = {
    (TaskStatus.WAITING, Move.START): TaskStatus.RUNNING,
    (TaskStatus.RUNNING, Move.ACCEPT): TaskStatus.ACCEPTED,
    (TaskStatus.RUNNING, Move.RETRY): TaskStatus.WAITING,
    (TaskStatus.RUNNING, Move.GIVE_UP): TaskStatus.REJECTED,
    (TaskStatus.WAITING, Move.GIVE_UP): TaskStatus.REJECTED,
}


class Attempt(msgspec.Struct, frozen=True):
    """A try that came to nothing: where, and what went wrong."""

    provider_id: str
    provider_name: str
    problem: str


class Task(Generic[TaskData, TaskResult]):
    """One piece of work.

    Args:
        data: what the worker is given.
        expires: an instant after which the task makes no sense any more.
        timeout: the same, counted from now.
        max_attempts: how often it is tried; None leaves that to the queue.
        barred: providers that must not have it. Whoever takes it is added; tasks may share the set, so that
            no provider gets two of them.
    """

    def __init__(
        self,
        data: TaskData,
        *,
        expires: datetime | None = None,
        timeout: timedelta | None = None,
        max_attempts: int | None = None,
        barred: set[str] | None = None,
    ) -> None:
        self._data = data
        self._expires = datetime.now(UTC) + timeout if timeout is not None else expires
        self._status = TaskStatus.WAITING
        self._output: TaskResult | None = None
        self._verdict: Callable[[Task[Any, Any], bool, str], None] | None = None
        self.attempts: list[Attempt] = []
        self.max_attempts = max_attempts
        self.is_barring = barred is not None
        self.barred: set[str] = set() if barred is None else barred
        self.provider_name = ""

    @property
    def data(self) -> TaskData:
        """What the task is about."""
        return self._data

    @property
    def output(self) -> TaskResult | None:
        """What it was accepted with."""
        return self._output

    @property
    def result(self) -> TaskResult | None:
        """What it was accepted with."""
        return self._output

    @property
    def expires(self) -> datetime | None:
        """The instant after which it makes no sense any more."""
        return self._expires

    @property
    def status(self) -> TaskStatus:
        """Where it is."""
        return self._status

    def accept_task(self, result: TaskResult | None = None) -> None:
        """It is done, and this is its result."""
        if self._status is not TaskStatus.RUNNING:
            return
        self._output = result
        self._tell(True, "")

    def reject_task(self, reason: str | None = None, retry: bool = True) -> None:
        """Its result is no good: it is tried again at another provider, unless ``retry`` is False."""
        if self._status is not TaskStatus.RUNNING:
            return
        if not retry:
            self.move(Move.GIVE_UP)
        self._tell(False, reason or "The result was rejected.")

    def begin(self, provider_name: str, verdict: Callable[[Task[Any, Any], bool, str], None]) -> None:
        """A worker takes it; ``verdict`` hears how it ends."""
        self.move(Move.START)
        self.provider_name = provider_name
        self._verdict = verdict

    def move(self, move: Move) -> None:
        """Change its status. Raises KeyError for what makes no sense."""
        self._status = TRANSITIONS[self._status, move]

    def _tell(self, accepted: bool, problem: str) -> None:
        verdict, self._verdict = self._verdict, None
        if accepted:
            self.move(Move.ACCEPT)
        if verdict is not None:
            verdict(self, accepted, problem)

    def __repr__(self) -> str:
        result = "" if self._output is None else f", result={self._output!r}"
        where = f" by {self.provider_name}" if self.provider_name else ""
        return f"<task {self._data!r}: {self._status.name.lower()}{where}{result}>"

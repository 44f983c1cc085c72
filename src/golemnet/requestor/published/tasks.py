"""A task as scripts of 0.13.1 know it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from golemnet.requestor import tasks
from golemnet.requestor.tasks import TaskData, TaskResult

_numbers = itertools.count(1)


class Task(tasks.Task[TaskData, TaskResult]):
    """One piece of work.

    Args:
        data: what the worker is given.
    """

    def __init__(self, data: TaskData) -> None:
        super().__init__(data)
        self.id = str(next(_numbers))
        self._began: float | None = None
        self._ended: float | None = None
        self.on_begin: Callable[[], None] | None = None

    @property
    def running_time(self) -> timedelta | None:
        """How long a worker has been at it, or was; None before."""
        if self._began is None:
            return None
        return timedelta(seconds=(self._ended or time.monotonic()) - self._began)

    def accept_result(self, result: TaskResult | None = None) -> None:
        """It is done, and this is its result."""
        self._ended = time.monotonic()
        self.accept_task(result)

    def reject_result(self, reason: str | None = None, retry: bool = False) -> None:
        """Its result is no good; ``retry`` has it done again."""
        self._ended = time.monotonic()
        self.reject_task(reason, retry)

    def begin(self, provider_name: str, verdict: Callable[[tasks.Task[Any, Any], bool, str], None]) -> None:
        """A worker takes it; ``verdict`` hears how it ends."""
        super().begin(provider_name, verdict)
        self._began, self._ended = time.monotonic(), None
        if self.on_begin is not None:
            on_begin, self.on_begin = self.on_begin, None
            on_begin()

    def __repr__(self) -> str:
        return f"Task(id={self.id}, data={self.data})"

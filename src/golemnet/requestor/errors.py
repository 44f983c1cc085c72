"""What can end a run, or one attempt at a task."""

from __future__ import annotations

from collections.abc import Sequence

from golemnet.errors import GolemError
from golemnet.requestor.tasks import Attempt


class RunTimeout(GolemError, TimeoutError):
    """The run did not end within its timeout."""


class BudgetExhausted(GolemError):
    """Going on could cost more than the budget."""


class TaskFailed(GolemError):
    """A task was tried as often as is allowed; ``attempts`` say where, and what became of each."""

    def __init__(self, what: str, *, attempts: Sequence[Attempt] = (), **more: str) -> None:
        self.attempts = attempts
        super().__init__(what, **more)


class WorkerFailed(GolemError):
    """One worker after the other ends before it has taken a task."""


class NoWorker(GolemError, TypeError):
    """The script's worker is not an asynchronous generator that yields ``ctx.commit()``."""


class CommandFailed(GolemError):
    """A command of a batch has failed at the provider; raised in the worker at its ``yield``.

    ``stdout`` and ``stderr`` are what the command has written; ``problem`` is the same wherever it fails.
    """

    def __init__(
        self, what: str, *, problem: str = "", stdout: str = "", stderr: str = "", **more: str
    ) -> None:
        self.problem = problem or what
        self.stdout = stdout
        self.stderr = stderr
        super().__init__(what, **more)


class ProviderLost(GolemError):
    """A provider does not answer any more, or has ended the agreement."""

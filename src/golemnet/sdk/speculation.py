"""Which calls are so slow that another machine should try them as well. Pure, but for the leash."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

import msgspec

from golemnet.requestor.task_queue import AnyTask
from golemnet.requestor.tasks import TaskStatus
from golemnet.requestor.work_context import Leash

# Calls come in bundles of up to a second; below that nothing is known to be slow.
LEAST_S = 2.0
SLOWER = 3.0
MIN_KNOWN, MAX_KNOWN = 3, 100


class Flight(msgspec.Struct):
    """Some calls that a provider works on, and the leash by which they can be called back."""

    provider_id: str
    tasks: Sequence[AnyTask]
    began: float
    leash: Leash

    @property
    def is_vain(self) -> bool:
        """Whether nobody waits for any of them."""
        return not any(task.status is TaskStatus.RUNNING for task in self.tasks)


class Pace:
    """How long calls of each kind usually take."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def note(self, kind: str, seconds: float) -> None:
        """A call took so long."""
        self._seconds.setdefault(kind, deque(maxlen=MAX_KNOWN)).append(seconds)

    def patience_s(self, kind: str) -> float | None:
        """After how long a call is slow; None as long as too little is known."""
        known = self._seconds.get(kind, ())
        return None if len(known) < MIN_KNOWN else LEAST_S + SLOWER * median(known)

    def slow(self, flights: Sequence[Flight], now: float) -> list[tuple[Flight, AnyTask]]:
        """The calls that take much longer than others of their kind, the slowest first."""
        found = [
            (flight, task)
            for flight in sorted(flights, key=lambda each: each.began)
            for task in flight.tasks
            if task.status is TaskStatus.RUNNING
        ]
        return [each for each in found if self._is_slow(*each, now)]

    def _is_slow(self, flight: Flight, task: AnyTask, now: float) -> bool:
        patience_s = self.patience_s(task.data.kind.name)
        return patience_s is not None and now - flight.began > patience_s

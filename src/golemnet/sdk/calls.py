"""A call: one piece of work for one machine, and what it has come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from golemnet.requestor.session import CommandResult
from golemnet.requestor.task_queue import AnyTask
from golemnet.requestor.work_context import Work
from golemnet.requestor.worker import Tasks


class Call(msgspec.Struct, frozen=True):
    """What a task of the engine is about. ``verify`` is asked whether (item, result) is right.

    A provider that takes longer than ``timeout_s`` has failed it.
    """

    kind: Kind
    item: Any
    payload: str | Sequence[Path]
    verify: Callable[[Any, Any], Any] | None = None
    timeout_s: float | None = None

    @property
    def files(self) -> Sequence[Path]:
        """The files of this machine that go along."""
        return () if isinstance(self.payload, str) else self.payload

    def __repr__(self) -> str:
        return self.kind.shown(self.item)


class Outcome(msgspec.Struct, frozen=True):
    """What a call has come to: ``value``, or the exception ``error``; where, and how long it took."""

    value: Any
    error: BaseException | None
    seconds: float
    provider_id: str
    provider_name: str


class Bundle(Protocol):
    """Some calls that are done in one batch, as a sequence of works, each after the results of the last."""

    @property
    def tasks(self) -> Sequence[AnyTask]:
        """The calls."""
        ...

    def begin(self) -> Work:
        """What is to be done first."""
        ...

    def go_on(self, results: Sequence[CommandResult]) -> Work | None:
        """What is to be done next; None if all is done and judged."""
        ...

    def failed(self, error: Exception) -> None:
        """A command has failed: judge what can be judged, or raise it again."""
        ...


class Kind(Protocol):
    """A function, or a shell command: how calls of it become commands in a container."""

    name: str

    def shown(self, item: Any) -> str:
        """A call as a person would write it."""
        ...

    def bundle(self, first: AnyTask, tasks: Tasks, at: Station) -> Bundle:
        """The first task, and further ones of the same kind if it makes sense to take them with it."""
        ...

    def is_light(self, call: Call) -> bool:
        """Whether it may share a batch with others."""
        ...

    def identity(self, call: Call) -> bytes | None:
        """What tells the call from others, in every process; None if nothing does."""
        ...

    def read(self, content: bytes) -> tuple[Any] | None:
        """The value that was kept as a pickle; None if it is of no use any more."""
        ...


class Station(msgspec.Struct):
    """One container as the calls see it.

    ``present`` are files of ours that it holds, ``litter`` folders that nobody needs any more, ``seconds``
    what a call of each kind takes there, and ``fair`` how many calls at most are this container's share.
    """

    provider_id: str
    provider_name: str
    say: Callable[[str], None]
    fair: Callable[[], int]
    present: set[str] = msgspec.field(default_factory=set[str])
    seconds: dict[str, float] = msgspec.field(default_factory=dict[str, float])
    litter: list[str] = msgspec.field(default_factory=list[str])

    def learn(self, kind: Kind, seconds: float) -> None:
        """A call of ``kind`` took so long; later ones count more."""
        known = self.seconds.get(kind.name, seconds)
        self.seconds[kind.name] = (known + seconds) / 2

    def with_more(self, first: AnyTask, tasks: Tasks, most: int, target_s: float) -> list[AnyTask]:
        """Calls of one kind that take about ``target_s`` together; what has failed before goes alone."""
        kind = first.data.kind
        if first.attempts:
            return [first]

        def is_alike(task: AnyTask) -> bool:
            return task.data.kind is kind and not task.attempts and kind.is_light(task.data)

        return [first, *tasks.more(self.count(kind, most, target_s) - 1, is_alike)]

    def count(self, kind: Kind, most: int, target_s: float) -> int:
        """How many calls to take at once; one as long as nothing is known."""
        seconds = self.seconds.get(kind.name)
        if seconds is None:
            return 1
        return max(1, min(most, self.fair(), int(target_s / max(seconds, 1e-6))))

    def judge(self, task: AnyTask, value: Any, error: BaseException | None, seconds: float) -> None:
        """A call has come to something; if it is refused, another provider gets it."""
        call: Call = task.data
        if error is None and (problem := _objection(call, value)):
            task.reject_task(problem)
            return
        task.accept_task(Outcome(value, error, seconds, self.provider_id, self.provider_name))


def limit_of(tasks: Sequence[AnyTask], others_s: float) -> timedelta | None:
    """How long a bundle may take: the longest that one call may, and ``others_s`` for those before it."""
    limits = [task.data.timeout_s for task in tasks]
    if any(each is None for each in limits):
        return None
    return timedelta(seconds=max(limits) + (others_s if len(tasks) > 1 else 0.0))


def _objection(call: Call, value: Any) -> str:
    if call.verify is None:
        return ""
    try:
        return "" if call.verify(call.item, value) else "verify has refused the result."
    except Exception as error:
        return f"verify has refused the result: {type(error).__name__}: {error}"

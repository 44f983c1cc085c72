"""The events of running batches, in memory: for those who watch a batch live.

Results are what is kept for certain; events are a convenience. So their number is bounded, the logs of
finished batches are dropped after a while, and after a restart a log is made up from the stored results.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from golemnet.daemon.activity.messages import StreamedEvent
from golemnet.rest.activity import ExeScriptCommandResult

MAX_LOGS = 256
MAX_EVENTS = 20_000
MAX_BYTES = 8 * 1024 * 1024

Key = tuple[str, str]


class EventLog:
    """The events of one batch so far."""

    def __init__(self) -> None:
        self.events: list[StreamedEvent] = []
        self.ended = False
        self._bytes = 0

    def add(self, event: StreamedEvent) -> None:
        """Note ``event``; once the log is full, only the end of commands is still noted."""
        size = sum(len(value) for value in event.kind.values() if isinstance(value, (str, bytes)))
        full = len(self.events) >= MAX_EVENTS or self._bytes + size > MAX_BYTES
        if self.ended or (full and "finished" not in event.kind):
            return
        self._bytes += size
        self.events.append(event)

    def has_finished(self, index: int) -> bool:
        """Whether the end of command ``index`` is noted."""
        return any(event.index == index and "finished" in event.kind for event in reversed(self.events))


class EventLogs:
    """The logs of the batches that were active last."""

    def __init__(self) -> None:
        self._logs: OrderedDict[Key, EventLog] = OrderedDict()

    def get(self, key: Key) -> EventLog | None:
        """The log of a batch; None if it is not in memory."""
        return self._logs.get(key)

    def open(self, key: Key) -> EventLog:
        """The log of a batch, a new one if there is none; the one used longest ago makes room."""
        log = self._logs.get(key)
        if log is None:
            log = self._logs[key] = EventLog()
        self._logs.move_to_end(key)
        if len(self._logs) > MAX_LOGS:
            self._logs.popitem(last=False)
        return log

    def seed(self, key: Key, results: Iterable[ExeScriptCommandResult]) -> EventLog:
        """The log of a batch; if there is none in memory, one that tells what ``results`` tell."""
        if key not in self._logs:
            self._logs[key] = made_from(results)
        return self.open(key)

    def add_result(self, key: Key, result: ExeScriptCommandResult) -> None:
        """Note the end of a command, unless its own event has come already; the last one ends the log."""
        log = self.open(key)
        if not log.has_finished(result.index):
            log.add(_finished(result))
        log.ended = log.ended or result.is_batch_finished


def made_from(results: Iterable[ExeScriptCommandResult]) -> EventLog:
    """A log that tells what ``results`` tell."""
    log = EventLog()
    for result in results:
        for name in ("stdout", "stderr"):
            if output := getattr(result, name):
                log.add(StreamedEvent(result.index, result.event_date, {name: output}))
        log.add(_finished(result))
        log.ended = log.ended or result.is_batch_finished
    return log


def _finished(result: ExeScriptCommandResult) -> StreamedEvent:
    kind = {"finished": {"return_code": 0 if result.result == "Ok" else 1, "message": result.message}}
    return StreamedEvent(result.index, result.event_date, kind)

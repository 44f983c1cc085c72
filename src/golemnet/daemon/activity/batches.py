"""The provider's side of batches: stored when they arrive, results stored when the ExeUnit gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import batch_store, store
from golemnet.daemon.activity.batch_store import Batch
from golemnet.daemon.activity.event_log import EventLog, EventLogs
from golemnet.daemon.activity.messages import (
    MAX_SCRIPT_BYTES,
    PAGE_BYTES,
    CommandView,
    Exec,
    ResultPage,
    Results,
    StreamedEvent,
)
from golemnet.daemon.activity.progress import Progress
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Activity, Side
from golemnet.daemon.activity.units import Units
from golemnet.daemon.events import Signal
from golemnet.database.database import Database, after_commit
from golemnet.model.script import command_name, parse_script
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import BadRequest, Gone, NotFound
from golemnet.rest.exeunit import Event, ExecBatch, Result
from golemnet.rest.wire import encode

MAX_WAITING = 256
MAX_RESULT_BYTES = 2 * 1024 * 1024
LONGEST_POLL_S = 60.0
STREAM_PAUSE_S = 30.0
# Longer than most commands take: the results of a quick batch are stored at once, with its last.
GATHER_S = 0.05

Arrived = tuple[str, str, ExeScriptCommandResult]


class Batches:
    """Batches and results of the activities that run here."""

    def __init__(self, database: Database, clock: Clock, units: Units, changed: Signal[str]) -> None:
        self._database = database
        self._clock = clock
        self._units = units
        self._changed = changed
        # Apart from the other, which fires for each line of output: who waits for results reads the store.
        self._stored = Signal[str]()
        self._logs = EventLogs()
        self._progress = Progress()
        self._arrived: list[Arrived] = []
        self._storing = asyncio.Lock()

    async def exec(self, activity: Activity, wanted: Exec) -> None:
        """Store a batch and hand it to the ExeUnit. A batch that is known is not taken twice.

        Raises:
            BadRequest: the script does not parse, or too many batches wait.
            Gone: the activity has ended.
        """
        commands = count_commands(wanted.script)
        batch = Batch(activity.activity_id, Side.PROVIDER, wanted.batch_id, wanted.script, commands)
        is_new = await self._database.write(lambda connection: _accept(connection, batch))
        if is_new:
            self._logs.open((activity.activity_id, batch.batch_id))
            self._progress.begin((activity.activity_id, batch.batch_id))
            await self._units.send(activity.activity_id, ExecBatch(batch.batch_id, batch.script))

    async def pending(self, activity_id: str, known: set[str]) -> list[ExecBatch]:
        """The unfinished batches that an ExeUnit does not know."""
        batches = await self._database.read(lambda c: batch_store.unfinished(c, activity_id, Side.PROVIDER))
        for batch in batches:
            # After a restart the log must begin with what was stored, before the unit adds to it.
            await self._log(activity_id, batch.batch_id)
        return [ExecBatch(each.batch_id, each.script) for each in batches if each.batch_id not in known]

    async def results(self, activity: Activity, wanted: Results) -> ResultPage:
        """Results from ``wanted.first`` on; waits for the wanted one, or the end of the batch.

        Raises:
            NotFound: no such batch.
        """
        known = (activity.activity_id, wanted.batch_id)
        if not self._progress.knows(known):
            await self._find(activity, wanted.batch_id)

        async def look() -> list[ExeScriptCommandResult]:
            if self._progress.lacks(known, wanted.wanted):
                return []
            found = await self._read(activity.activity_id, wanted.batch_id, wanted.first)
            return found if _has(found, wanted.wanted) else []

        timeout_s = min(wanted.timeout_s, LONGEST_POLL_S)
        key = _key(activity.activity_id, wanted.batch_id)
        complete = await self._stored.poll(key, look, timeout_s)
        if not complete:
            await self.flush()
            complete = await self._read(activity.activity_id, wanted.batch_id, wanted.first)
        return _page(complete)

    async def commands(self, activity: Activity) -> list[CommandView]:
        """The command that runs now, if one does."""
        batches = await self._database.read(
            lambda c: batch_store.unfinished(c, activity.activity_id, Side.PROVIDER)
        )
        if not batches or not self._units.is_connected(activity.activity_id):
            return []
        done = len(await self._read(activity.activity_id, batches[0].batch_id, 0))
        names = [command_name(command) for command in parse_script(batches[0].script)]
        return [CommandView(batches[0].batch_id, name) for name in names[done : done + 1]]

    async def events(self, activity: Activity, batch_id: str) -> AsyncIterator[StreamedEvent]:
        """The events of a batch from its first, as they happen; ends with the batch.

        Raises:
            NotFound: no such batch.
        """
        await self._find(activity, batch_id)
        log = await self._log(activity.activity_id, batch_id)
        position = 0
        while True:
            while position < len(log.events):
                yield log.events[position]
                position += 1
            if log.ended:
                return
            await self._changed.poll(
                _key(activity.activity_id, batch_id), _grown(log, position), STREAM_PAUSE_S
            )

    async def _log(self, activity_id: str, batch_id: str) -> EventLog:
        log = self._logs.get((activity_id, batch_id))
        if log is not None:
            return log
        results = await self._read(activity_id, batch_id, 0)
        return self._logs.seed((activity_id, batch_id), results)

    # -- told by the ExeUnit -------------------------------------------------------------------------------

    def on_event(self, activity_id: str, event: Event) -> None:
        """Note what happened while a command ran."""
        log = self._logs.open((activity_id, event.batch_id))
        log.add(StreamedEvent(event.index, event.at, event.kind))
        self._changed.fire(_key(activity_id, event.batch_id))

    def on_result(self, activity_id: str, reported: Result) -> Coroutine[Any, Any, None]:
        """Take the result of a command; the caller runs what is returned, which stores it.

        It is stored together with those that come right after it. Until then nobody is told of it; the
        ExeUnit repeats it if this node dies before.
        """
        self._arrived.append((activity_id, reported.batch_id, _bounded(reported.result)))
        return self._flush_soon(0.0 if reported.result.is_batch_finished else GATHER_S)

    async def _flush_soon(self, delay_s: float) -> None:
        if delay_s:
            await self._clock.sleep(delay_s)
        await self.flush()

    async def flush(self) -> None:
        """Store the results that have been taken."""
        async with self._storing:
            arrived, self._arrived = self._arrived, []
            if arrived:
                await self._database.write(lambda connection: self._store_known(connection, arrived))

    def _store_known(self, connection: Connection, arrived: list[Arrived]) -> None:
        by_batch: dict[tuple[str, str], list[ExeScriptCommandResult]] = {}
        for activity_id, batch_id, result in arrived:
            by_batch.setdefault((activity_id, batch_id), []).append(result)
        for (activity_id, batch_id), results in by_batch.items():
            if batch_store.find_batch(connection, activity_id, Side.PROVIDER, batch_id):
                self._store(connection, activity_id, batch_id, results)

    def end_all(self, connection: Connection, activity: Activity, reason: str) -> None:
        """In the write that ends ``activity``: its unfinished batches end with an error."""
        for batch in batch_store.unfinished(connection, activity.activity_id, Side.PROVIDER):
            done = batch_store.results_from(
                connection, activity.activity_id, Side.PROVIDER, batch.batch_id, 0
            )
            result = ExeScriptCommandResult(
                index=len(done),
                event_date=self._clock.now(),
                result="Error",
                message=f"The activity ended before this command did: {reason}",
                is_batch_finished=True,
            )
            self._store(connection, activity.activity_id, batch.batch_id, [result])

    def _store(
        self, connection: Connection, activity_id: str, batch_id: str, results: list[ExeScriptCommandResult]
    ) -> None:
        batch_store.add_results(connection, activity_id, Side.PROVIDER, batch_id, results)

        def tell() -> None:
            self._progress.add((activity_id, batch_id), results)
            for result in results:
                self._logs.add_result((activity_id, batch_id), result)
            self._changed.fire(_key(activity_id, batch_id))
            self._stored.fire(_key(activity_id, batch_id))

        after_commit(connection, tell)

    async def _find(self, activity: Activity, batch_id: str) -> Batch:
        batch = await self._database.read(
            lambda c: batch_store.find_batch(c, activity.activity_id, Side.PROVIDER, batch_id)
        )
        if batch is None:
            raise NotFound("There is no such batch.", activity_id=activity.activity_id, batch_id=batch_id)
        return batch

    async def _read(self, activity_id: str, batch_id: str, first: int) -> list[ExeScriptCommandResult]:
        return await self._database.read(
            lambda c: batch_store.results_from(c, activity_id, Side.PROVIDER, batch_id, first)
        )


def count_commands(script: str) -> int:
    """How many commands ``script`` has. Raises ``BadRequest`` if it is no script."""
    if len(script) > MAX_SCRIPT_BYTES:
        raise BadRequest("The script is longer than 1 MiB.", next_step="Send it in several batches.")
    try:
        commands = len(parse_script(script))
    except ValueError as error:
        raise BadRequest("The script cannot be read.", why=str(error)) from error
    if not commands:
        raise BadRequest("The script has no commands.", why="It would never give a result.")
    return commands


def _accept(connection: Connection, batch: Batch) -> bool:
    activity = store.find(connection, batch.activity_id, Side.PROVIDER)
    if activity is None or activity.state is State.TERMINATED or activity.destroying:
        reason = activity.reason if activity else None
        raise Gone("The activity has ended.", why=reason or "", activity_id=batch.activity_id)
    if len(batch_store.unfinished(connection, batch.activity_id, Side.PROVIDER)) >= MAX_WAITING:
        raise BadRequest(f"{MAX_WAITING} batches wait already.", next_step="Wait for their results.")
    return batch_store.add_batch(connection, batch)


def _has(results: list[ExeScriptCommandResult], wanted: int | None) -> bool:
    if any(result.is_batch_finished for result in results):
        return True
    return wanted is not None and any(result.index >= wanted for result in results)


def _page(results: list[ExeScriptCommandResult]) -> ResultPage:
    """As many of ``results`` as fit a page, at least one."""
    size, page = 0, list[ExeScriptCommandResult]()
    for result in results:
        size += len(encode(result))
        if page and size > PAGE_BYTES:
            return ResultPage(page, more=True)
        page.append(result)
    return ResultPage(page)


def _bounded(result: ExeScriptCommandResult) -> ExeScriptCommandResult:
    if len(encode(result)) <= MAX_RESULT_BYTES:
        return result
    result.stdout = result.stderr = None
    result.message = f"{result.message or ''} (Its output was longer than {MAX_RESULT_BYTES} bytes.)".strip()
    return result


def _grown(log: EventLog, position: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return len(log.events) > position or log.ended

    return look


def _key(activity_id: str, batch_id: str) -> str:
    return f"{activity_id}/{batch_id}"

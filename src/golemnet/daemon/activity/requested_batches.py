"""The requestor's side of batches: sent to the provider's node, their results fetched and kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator

from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import batch_store
from golemnet.daemon.activity.batch_store import Batch
from golemnet.daemon.activity.batches import count_commands
from golemnet.daemon.activity.messages import Exec, ResultPage, Results, StreamedEvent, StreamRequest
from golemnet.daemon.activity.peers import ProviderPeer
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Activity, Side
from golemnet.database.database import Database
from golemnet.model.node_id import NodeId
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import ApiError, Gone, InternalError, NotFound, RequestTimeout

SILENCE_S = 15.0
PAUSE_S = 0.5


class RequestedBatches:
    """Batches that programs of this node have sent to activities at other nodes."""

    def __init__(self, database: Database, clock: Clock, peer: ProviderPeer) -> None:
        self._database = database
        self._clock = clock
        self._peer = peer
        self._silent_since: dict[str, float] = {}

    def forget(self, activity_id: str) -> None:
        """The activity has ended: its provider's silence does not matter any more."""
        self._silent_since.pop(activity_id, None)

    async def exec(self, activity: Activity, script: str) -> str:
        """Send a batch; its id.

        Raises:
            BadRequest: the script does not parse.
            Gone: the activity has ended.
        """
        _check_live(activity)
        commands = count_commands(script)
        batch = Batch(activity.activity_id, Side.REQUESTOR, uuid.uuid4().hex, script, commands)
        await self._database.write(lambda connection: batch_store.add_batch(connection, batch))
        wanted = Exec(activity.activity_id, batch.batch_id, script)
        try:
            await self._peer.exec(_provider(activity), wanted)
        except RequestTimeout:
            # The same batch id makes a repetition harmless.
            await self._peer.exec(_provider(activity), wanted)
        return batch.batch_id

    async def results(
        self, activity: Activity, batch_id: str, wanted: int | None, timeout_s: float
    ) -> list[ExeScriptCommandResult]:
        """All results so far; waits for the one of index ``wanted`` (None: the last of the batch).

        Raises:
            NotFound: no such batch.
            Gone: the activity has ended, and the provider's node has no more results of it.
            InternalError: the provider's node has been out of reach for a while.
        """
        batch, results = await self._stored(activity, batch_id)
        deadline = time.monotonic() + (timeout_s if _is_live(activity) else 0.0)
        while not (batch.finished or _complete(results, wanted)):
            left = max(deadline - time.monotonic(), 0.0)
            page = await self._ask(activity, batch, len(results), wanted, left)
            results += page.results
            if time.monotonic() >= deadline and not page.more:
                break
        if not _complete(results, wanted):
            # A program that polls on for results that never come would wait for ever.
            _check_live(activity)
        return results

    async def _ask(
        self, activity: Activity, batch: Batch, first: int, wanted: int | None, timeout_s: float
    ) -> ResultPage:
        question = Results(activity.activity_id, batch.batch_id, first, wanted, timeout_s)
        try:
            page = await self._peer.results(_provider(activity), question)
        except (RequestTimeout, InternalError) as error:
            self._endure(activity.activity_id, error)
            await self._clock.sleep(min(PAUSE_S, timeout_s))
            return ResultPage([])
        self._silent_since.pop(activity.activity_id, None)
        expected = range(first, batch.commands + 1)
        results = [each for each, index in zip(page.results, expected, strict=False) if each.index == index]
        await self._database.write(
            lambda c: batch_store.add_results(
                c, activity.activity_id, Side.REQUESTOR, batch.batch_id, results
            )
        )
        return ResultPage(results, page.more)

    def _endure(self, activity_id: str, error: ApiError) -> None:
        """Put up with a silent node for some seconds (it may be restarting), then raise ``error``."""
        since = self._silent_since.setdefault(activity_id, time.monotonic())
        if time.monotonic() - since > SILENCE_S:
            raise error

    async def events(self, activity: Activity, batch_id: str) -> AsyncIterator[StreamedEvent]:
        """The events of a batch from its first, as they happen; ends with the batch."""
        await self._stored(activity, batch_id)
        wanted = StreamRequest(activity.activity_id, batch_id)
        async for event in self._peer.events(_provider(activity), wanted):
            yield event

    async def _stored(self, activity: Activity, batch_id: str) -> tuple[Batch, list[ExeScriptCommandResult]]:
        def read(connection: Connection) -> tuple[Batch | None, list[ExeScriptCommandResult]]:
            key = (activity.activity_id, Side.REQUESTOR, batch_id)
            found = batch_store.find_batch(connection, *key)
            return found, batch_store.results_from(connection, *key, 0)

        batch, results = await self._database.read(read)
        if batch is None:
            raise NotFound("There is no such batch.", activity_id=activity.activity_id, batch_id=batch_id)
        return batch, results


def _complete(results: list[ExeScriptCommandResult], wanted: int | None) -> bool:
    if results and results[-1].is_batch_finished:
        return True
    return wanted is not None and len(results) > wanted


def _check_live(activity: Activity) -> None:
    if not _is_live(activity):
        raise Gone("The activity has ended.", why=activity.reason or "", activity_id=activity.activity_id)


def _is_live(activity: Activity) -> bool:
    return activity.state is not State.TERMINATED


def _provider(activity: Activity) -> NodeId:
    return NodeId(activity.provider_id)

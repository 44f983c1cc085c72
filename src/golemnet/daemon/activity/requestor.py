"""The requestor's side: activities that run at other nodes, for programs of this one."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import store
from golemnet.daemon.activity.agreements import Agreements, approved
from golemnet.daemon.activity.batches import count_commands
from golemnet.daemon.activity.messages import (
    DESTROY,
    CommandView,
    Create,
    Exec,
    ResultPage,
    Results,
    StateView,
    StreamedEvent,
    StreamRequest,
    UsageView,
)
from golemnet.daemon.activity.peers import ProviderPeer
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Activity, Batch, Side
from golemnet.daemon.events import Signal
from golemnet.database.database import Database, after_commit
from golemnet.database.outbox import Outbox, Undeliverable
from golemnet.model.node_id import NodeId
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import (
    ApiError,
    Forbidden,
    Gone,
    InternalError,
    NotFound,
    RequestTimeout,
)

SILENCE_S = 15.0
PAUSE_S = 0.5

log = structlog.get_logger(__name__)


class RequestorSide:
    """Keeps what was asked of other nodes and what they answered."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        agreements: Agreements,
        peer: ProviderPeer,
        changed: Signal[str],
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._agreements = agreements
        self._peer = peer
        self._changed = changed
        self._silent_since: dict[str, float] = {}

    async def create(self, caller: NodeId, agreement_id: str, timeout_s: float) -> str:
        """Start an activity under an agreement of ours; its id, once its ExeUnit is up.

        Raises:
            NotFound, BadRequest, Forbidden: the agreement does not allow it.
            RequestTimeout: it did not start in time; the provider is told to end it.
        """
        agreement = await approved(self._agreements, agreement_id)
        if agreement.requestor_id != caller:
            raise Forbidden("Only the requestor can start an activity.", agreement_id=agreement_id)
        activity = self._new(agreement_id, caller, agreement.provider_id)
        await self._database.write(lambda connection: store.add(connection, activity))
        wanted = Create(activity.activity_id, agreement_id, timeout_s)
        try:
            state = await self._peer.create(NodeId(agreement.provider_id), wanted)
        except BaseException:
            # Also when the program has gone away meanwhile: nobody would know the id to destroy it by.
            await self._end(activity.activity_id, "It could not be started.")
            raise
        await self._note(activity, state)
        if state.state == State.TERMINATED:
            raise InternalError(
                "The provider could not start the activity.",
                why=state.error_message or state.reason or "",
                activity_id=activity.activity_id,
            )
        return activity.activity_id

    def _new(self, agreement_id: str, requestor_id: str, provider_id: str) -> Activity:
        return Activity(
            activity_id=uuid.uuid4().hex,
            side=Side.REQUESTOR,
            agreement_id=agreement_id,
            requestor_id=requestor_id,
            provider_id=provider_id,
            state=State.NEW,
            created=self._clock.now(),
        )

    async def exec(self, activity: Activity, script: str) -> str:
        """Send a batch; its id.

        Raises:
            BadRequest: the script does not parse.
            Gone: the activity has ended.
        """
        _check_live(activity)
        commands = count_commands(script)
        batch = Batch(activity.activity_id, Side.REQUESTOR, uuid.uuid4().hex, script, commands)
        await self._database.write(lambda connection: store.add_batch(connection, batch))
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
            InternalError: the provider's node has been out of reach for a while.
        """
        batch = await self._batch(activity, batch_id)
        deadline = time.monotonic() + timeout_s
        while True:
            results = await self._stored(activity, batch_id)
            if batch.finished or _complete(results, wanted) or not _is_live(activity):
                return results
            left = max(deadline - time.monotonic(), 0.0)
            page = await self._ask(activity, batch, len(results), wanted, left)
            if time.monotonic() >= deadline and not page.more:
                return await self._stored(activity, batch_id)

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
            lambda c: store.add_results(c, activity.activity_id, Side.REQUESTOR, batch.batch_id, results)
        )
        return page

    def _endure(self, activity_id: str, error: ApiError) -> None:
        """Put up with a silent node for some seconds (it may be restarting), then raise ``error``."""
        since = self._silent_since.setdefault(activity_id, time.monotonic())
        if time.monotonic() - since > SILENCE_S:
            raise error

    async def events(self, activity: Activity, batch_id: str) -> AsyncIterator[StreamedEvent]:
        """The events of a batch from its first, as they happen; ends with the batch."""
        await self._batch(activity, batch_id)
        wanted = StreamRequest(activity.activity_id, batch_id)
        async for event in self._peer.events(_provider(activity), wanted):
            yield event

    async def state(self, activity: Activity, timeout_s: float) -> StateView:
        """The state as the provider's node tells it; what we know if it has ended here."""
        if not _is_live(activity):
            return StateView(activity.state.value, activity.reason, activity.error_message)
        view = await self._peer.state(_provider(activity), activity.activity_id, timeout_s)
        await self._note(activity, view)
        return view

    async def usage(self, activity: Activity, timeout_s: float) -> UsageView:
        """The usage as the provider's node tells it; the last that we know if it has ended here."""
        if not _is_live(activity):
            return UsageView(activity.usage, activity.counted)
        return await self._peer.usage(_provider(activity), activity.activity_id, timeout_s)

    async def commands(self, activity: Activity) -> list[CommandView]:
        """The commands that run now."""
        if not _is_live(activity):
            return []
        return await self._peer.commands(_provider(activity), activity.activity_id)

    async def destroy(self, activity: Activity, timeout_s: float) -> None:
        """End the activity here at once and at the provider for certain.

        Waits up to ``timeout_s`` for the provider's node, so that what a program does next (ending the
        agreement) arrives there later.
        """
        if not _is_live(activity):
            return
        await asyncio.gather(
            self._changed.wait(_gone(activity.activity_id), timeout_s),
            self._end(activity.activity_id, "Destroyed by the requestor."),
        )

    async def deliver_destroy(self, activity_id: str, _: bytes) -> None:
        """Outbox: tell the provider's node to end the activity."""
        activity = await self.get(activity_id)
        try:
            await self._peer.destroy(_provider(activity), activity_id)
        except (NotFound, Forbidden, Gone) as error:
            raise Undeliverable(str(error)) from error
        finally:
            self._changed.fire(_gone(activity_id))

    async def get(self, activity_id: str) -> Activity:
        """The activity. Raises ``NotFound``."""
        activity = await self._database.read(lambda c: store.find(c, activity_id, Side.REQUESTOR))
        if activity is None:
            raise NotFound("There is no such activity.", activity_id=activity_id)
        return activity

    async def _end(self, activity_id: str, reason: str) -> None:
        def change(connection: Connection) -> None:
            values = {"state": State.TERMINATED, "reason": reason, "ended": self._clock.now()}
            store.change(connection, activity_id, Side.REQUESTOR, **values)
            self._outbox.put(connection, DESTROY, activity_id, b"")
            after_commit(connection, lambda: self._changed.fire(activity_id))

        await self._database.write(change)
        self._silent_since.pop(activity_id, None)

    async def _note(self, activity: Activity, view: StateView) -> None:
        try:
            state = State(view.state)
        except ValueError as error:
            raise InternalError("The provider reports a state that does not exist.") from error
        ended = self._clock.now() if state is State.TERMINATED else None
        values = {"state": state, "reason": view.reason, "error_message": view.error_message, "ended": ended}
        await self._database.write(lambda c: store.change(c, activity.activity_id, Side.REQUESTOR, **values))

    async def _batch(self, activity: Activity, batch_id: str) -> Batch:
        batch = await self._database.read(
            lambda c: store.find_batch(c, activity.activity_id, Side.REQUESTOR, batch_id)
        )
        if batch is None:
            raise NotFound("There is no such batch.", activity_id=activity.activity_id, batch_id=batch_id)
        return batch

    async def _stored(self, activity: Activity, batch_id: str) -> list[ExeScriptCommandResult]:
        return await self._database.read(
            lambda c: store.results_from(c, activity.activity_id, Side.REQUESTOR, batch_id, 0)
        )


def _complete(results: list[ExeScriptCommandResult], wanted: int | None) -> bool:
    if results and results[-1].is_batch_finished:
        return True
    return wanted is not None and len(results) > wanted


def _is_live(activity: Activity) -> bool:
    return activity.state is not State.TERMINATED


def _check_live(activity: Activity) -> None:
    if not _is_live(activity):
        raise Gone("The activity has ended.", why=activity.reason or "", activity_id=activity.activity_id)


def _provider(activity: Activity) -> NodeId:
    return NodeId(activity.provider_id)


def _gone(activity_id: str) -> str:
    return f"destroyed {activity_id}"

"""The requestor's side: activities that run at other nodes, for programs of this one."""

from __future__ import annotations

import asyncio
import uuid

import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import store
from golemnet.daemon.activity.agreements import Agreements, approved
from golemnet.daemon.activity.known import KnownActivities
from golemnet.daemon.activity.messages import (
    DESTROY,
    CommandView,
    Create,
    StateView,
    Suspend,
    UsageView,
)
from golemnet.daemon.activity.peers import ProviderPeer
from golemnet.daemon.activity.requested_batches import RequestedBatches
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Activity, Side
from golemnet.daemon.events import Signal
from golemnet.database.database import Database, after_commit
from golemnet.database.outbox import Outbox, Undeliverable
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import (
    Forbidden,
    Gone,
    InternalError,
    NotFound,
)

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
        batches: RequestedBatches,
        changed: Signal[str],
    ) -> None:
        self._database = database
        self._known = KnownActivities(database, Side.REQUESTOR)
        self._outbox = outbox
        self._clock = clock
        self._agreements = agreements
        self._peer = peer
        self._batches = batches
        self._changed = changed

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

    async def suspend(self, activity: Activity, is_on: bool) -> None:
        """Stop what runs there, or let it go on. Raises ``Gone`` if it has ended."""
        if not _is_live(activity):
            raise Gone("The activity has ended.", why=activity.reason or "", activity_id=activity.activity_id)
        await self._peer.suspend(_provider(activity), Suspend(activity.activity_id, is_on))

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
        activity = await self._known.find(activity_id)
        if activity is None:
            raise NotFound("There is no such activity.", activity_id=activity_id)
        return activity

    async def _end(self, activity_id: str, reason: str) -> None:
        def change(connection: Connection) -> None:
            values = {"state": State.TERMINATED, "reason": reason, "ended": self._clock.now()}
            self._known.change(connection, activity_id, **values)
            self._outbox.put(connection, DESTROY, activity_id, b"")
            after_commit(connection, lambda: self._changed.fire(activity_id))

        await self._database.write(change)
        self._batches.forget(activity_id)

    async def _note(self, activity: Activity, view: StateView) -> None:
        try:
            state = State(view.state)
        except ValueError as error:
            raise InternalError("The provider reports a state that does not exist.") from error
        if state is activity.state:
            return
        ended = self._clock.now() if state is State.TERMINATED else None
        values = {"state": state, "reason": view.reason, "error_message": view.error_message, "ended": ended}

        def change(connection: Connection) -> None:
            current = store.find(connection, activity.activity_id, Side.REQUESTOR)
            # The answer may be older than our own ending of the activity.
            if current is not None and _is_live(current):
                self._known.change(connection, activity.activity_id, **values)

        await self._database.write(change)


def _is_live(activity: Activity) -> bool:
    return activity.state is not State.TERMINATED


def _provider(activity: Activity) -> NodeId:
    return NodeId(activity.provider_id)


def _gone(activity_id: str) -> str:
    return f"destroyed {activity_id}"

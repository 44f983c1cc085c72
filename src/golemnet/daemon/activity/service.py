"""The activity service of a node: both sides of every activity, and the links to ExeUnits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import batch_store, peers, store
from golemnet.daemon.activity.agreements import Agreements
from golemnet.daemon.activity.batches import Batches
from golemnet.daemon.activity.messages import DESTROY, CommandView, StateView, StreamedEvent, UsageView
from golemnet.daemon.activity.peers import ProviderPeer
from golemnet.daemon.activity.provider import RESTART_GRACE_S, UNIT_GRACE_S, ProviderSide, view
from golemnet.daemon.activity.requested_batches import RequestedBatches
from golemnet.daemon.activity.requestor import RequestorSide
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Activity, ActivityEvent, Side
from golemnet.daemon.activity.units import UnitLink, Units
from golemnet.daemon.events import Signal
from golemnet.database.database import Database
from golemnet.database.outbox import Handler, Outbox
from golemnet.model.node_id import NodeId
from golemnet.net.network import Network
from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.errors import BadRequest, NotFound
from golemnet.rest.exeunit import Event, FromUnit, Hello, Result, StateChanged, Stop, Usage

KEPT = timedelta(days=30)
MAX_IDS = 1000

log = structlog.get_logger(__name__)


class Activities:
    """What programs of this node can do with activities, as requestor or as provider."""

    def __init__(
        self, *, network: Network, database: Database, outbox: Outbox, clock: Clock, agreements: Agreements
    ) -> None:
        self._database = database
        self._clock = clock
        self._units = Units()
        self._tasks: asyncio.TaskGroup | None = None
        changed: Signal[str] = Signal()
        self.batches = Batches(database, clock, self._units, changed)
        self.provider = ProviderSide(
            network.node_id, database, clock, agreements, self._units, self.batches, changed
        )
        peer = ProviderPeer(network)
        self.requested = RequestedBatches(database, clock, peer)
        self.requestor = RequestorSide(database, outbox, clock, agreements, peer, self.requested, changed)
        peers.serve(network, self.provider, self.batches)

    def effects(self) -> dict[str, Handler]:
        """What the outbox hands to this service."""
        return {DESTROY: self.requestor.deliver_destroy}

    async def run(self, ready: asyncio.Event) -> None:
        """Watch the activities that run here until cancelled; ExeUnits get some seconds to come back."""
        before = self._clock.now() - KEPT
        await self._database.write(lambda connection: _forget(connection, before))
        async with asyncio.TaskGroup() as self._tasks:
            for activity in await self.provider.live():
                self._spawn(self.provider.watch(activity.activity_id, RESTART_GRACE_S))
            ready.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside everything else; a node that stops begins nothing any more."""
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(_reported(work))

    # -- programs ------------------------------------------------------------------------------------------

    async def create(self, caller: NodeId, agreement_id: str, timeout_s: float) -> str:
        """Start an activity under an approved agreement of ours; its id."""
        return await self.requestor.create(caller, agreement_id, timeout_s)

    async def exec(self, activity_id: str, script: str) -> str:
        """Send a batch of commands; its id."""
        return await self.requested.exec(await self.requestor.get(activity_id), script)

    async def results(
        self, activity_id: str, batch_id: str, wanted: int | None, timeout_s: float
    ) -> list[ExeScriptCommandResult]:
        """All results of a batch so far; waits for the one of index ``wanted`` (None: the last)."""
        activity = await self.requestor.get(activity_id)
        return await self.requested.results(activity, batch_id, wanted, timeout_s)

    async def events(self, activity_id: str, batch_id: str) -> AsyncIterator[StreamedEvent]:
        """The events of a batch from its first, as they happen."""
        activity = await self.requestor.get(activity_id)
        async for event in self.requested.events(activity, batch_id):
            yield event

    async def destroy(self, activity_id: str, timeout_s: float) -> None:
        """End an activity."""
        await self.requestor.destroy(await self.requestor.get(activity_id), timeout_s)

    async def suspend(self, activity_id: str, is_on: bool) -> None:
        """Stop what runs in an activity, which keeps memory and files, or let it go on."""
        await self.requestor.suspend(await self.requestor.get(activity_id), is_on)

    async def commands(self, activity_id: str) -> list[CommandView]:
        """The commands that run now."""
        activity = await self._either(activity_id)
        if activity.side is Side.PROVIDER:
            return await self.batches.commands(activity)
        return await self.requestor.commands(activity)

    async def state(self, activity_id: str, timeout_s: float) -> StateView:
        """Where the activity is; the provider's node is asked if it is not this one."""
        activity = await self._either(activity_id)
        return view(activity) if _is_ours(activity) else await self.requestor.state(activity, timeout_s)

    async def usage(self, activity_id: str, timeout_s: float) -> UsageView:
        """The usage counters; the provider's node is asked if it is not this one."""
        activity = await self._either(activity_id)
        if _is_ours(activity):
            return UsageView(activity.usage, activity.counted)
        return await self.requestor.usage(activity, timeout_s)

    async def agreement_of(self, activity_id: str) -> str:
        """The id of the activity's agreement."""
        return (await self._either(activity_id)).agreement_id

    async def get(self, activity_id: str) -> Activity | None:
        """The activity as this node knows it, for other services; None if it does not."""
        try:
            return await self._either(activity_id)
        except NotFound:
            return None

    async def ids(self, agreement_id: str | None) -> list[str]:
        """Ids of the newest activities, of one agreement if it is named."""
        return await self._database.read(lambda c: store.ids(c, agreement_id, MAX_IDS))

    async def under(self, agreement_id: str) -> list[Activity]:
        """The activities that there were under an agreement, oldest first, each once."""
        rows = await self._database.read(lambda c: store.of_agreement(c, agreement_id))
        return list({each.activity_id: each for each in rows}.values())

    async def provider_events(
        self, after: datetime | None, timeout_s: float, limit: int, session: str | None = None
    ) -> list[ActivityEvent]:
        """What the provider agent has to do since ``after``, under the agreements of a session if given."""
        return await self.provider.events(after, timeout_s, limit, session)

    async def agreement_ended(self, agreement_id: str) -> None:
        """End the activities of an agreement that has ended (the market says so)."""
        for activity in await self._database.read(lambda c: store.of_agreement(c, agreement_id)):
            if activity.state is State.TERMINATED:
                continue
            if _is_ours(activity):
                await self._units.send(activity.activity_id, Stop(reason="The agreement has ended."))
                await self.provider.end(activity.activity_id, "The agreement has ended.")
            else:
                await self.requestor.destroy(activity, 0.0)

    async def _either(self, activity_id: str) -> Activity:
        def find(connection: Connection) -> Activity | None:
            ours = store.find(connection, activity_id, Side.PROVIDER)
            return ours or store.find(connection, activity_id, Side.REQUESTOR)

        activity = await self._database.read(find)
        if activity is None:
            raise NotFound("There is no such activity.", activity_id=activity_id)
        return activity

    # -- ExeUnits ------------------------------------------------------------------------------------------

    async def attach(self, activity_id: str, link: UnitLink) -> None:
        """An ExeUnit has connected. Raises ``NotFound`` or ``BadRequest``."""
        activity = await self.provider.get(activity_id)
        if activity.state is State.TERMINATED:
            raise BadRequest("The activity has ended.", activity_id=activity_id)
        previous = self._units.attach(activity_id, link)
        if previous is not None:
            await previous.close()

    async def detach(self, activity_id: str, link: UnitLink) -> None:
        """The connection of an ExeUnit has ended; unless it comes back soon, so does the activity."""
        if self._units.detach(activity_id, link):
            await self.provider.lost(activity_id)
            self._spawn(self.provider.watch(activity_id, UNIT_GRACE_S))

    async def on_frame(self, activity_id: str, link: UnitLink, frame: FromUnit) -> None:
        """An ExeUnit says something."""
        match frame:
            case Hello():
                await self._greet(activity_id, link, frame)
            case StateChanged():
                await self.provider.report(activity_id, frame.state, frame.reason, frame.error_message)
            case Usage():
                await self.provider.used(activity_id, frame)
            case Event():
                self.batches.on_event(activity_id, frame)
            case Result():
                self._spawn(self.batches.on_result(activity_id, frame))

    async def _greet(self, activity_id: str, link: UnitLink, hello: Hello) -> None:
        if hello.state != State.NEW:
            await self.provider.report(activity_id, hello.state, None, None)
        known = set(hello.batches)
        await link.greet(lambda: self.batches.pending(activity_id, known))
        if (await self.provider.get(activity_id)).destroying:
            await link.send(Stop(reason="Destroyed by the requestor."))


def _is_ours(activity: Activity) -> bool:
    return activity.side is Side.PROVIDER


async def _reported(work: Coroutine[Any, Any, None]) -> None:
    """``work``; its failure concerns one activity and must not end the others."""
    try:
        await work
    except Exception:
        log.exception("work for an activity failed")


def _forget(connection: Connection, before: datetime) -> None:
    batch_store.forget(connection, store.forget(connection, before))

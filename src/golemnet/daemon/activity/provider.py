"""The provider's side: activities that run here, by the request of other nodes."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.activity import store
from golemnet.daemon.activity.agreements import Agreements, approved
from golemnet.daemon.activity.batches import Batches
from golemnet.daemon.activity.known import KnownActivities
from golemnet.daemon.activity.messages import Create, StateView
from golemnet.daemon.activity.messages import Suspend as SuspendWanted
from golemnet.daemon.activity.states import Event, State, event_of, step
from golemnet.daemon.activity.store import Activity, ActivityEvent, Side
from golemnet.daemon.activity.units import Units
from golemnet.daemon.events import Signal
from golemnet.database.database import Database, after_commit
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, Conflict, Forbidden, Gone, NotFound, RequestTimeout
from golemnet.rest.exeunit import Stop, Suspend, Usage
from golemnet.rest.wire import encode

CREATED = "CreateActivity"
DESTROYED = "DestroyActivity"
EVENTS_KEY = "provider events"
LONGEST_CREATE_S = 120.0
DESTROY_GRACE_S = 10.0
UNIT_GRACE_S = 3.0
RESTART_GRACE_S = 20.0

log = structlog.get_logger(__name__)


class ProviderSide:
    """Keeps the state of the activities that run here, and tells the agent and the ExeUnits what to do."""

    def __init__(
        self,
        node_id: NodeId,
        database: Database,
        clock: Clock,
        agreements: Agreements,
        units: Units,
        batches: Batches,
        changed: Signal[str],
    ) -> None:
        self._node_id = node_id
        self._database = database
        self._known = KnownActivities(database, Side.PROVIDER)
        self._clock = clock
        self._agreements = agreements
        self._units = units
        self._batches = batches
        self._changed = changed

    # -- asked by the requestor ----------------------------------------------------------------------------

    async def create(self, caller: NodeId, wanted: Create) -> StateView:
        """Have the agent start an ExeUnit; returns once it is up.

        Raises:
            NotFound: no such agreement between us.
            BadRequest: the agreement is not approved.
            RequestTimeout: no ExeUnit came up in time; the activity is ended then.
        """
        activity = await self._admitted(caller, wanted)
        timeout_s = min(wanted.timeout_s, LONGEST_CREATE_S)
        await self._database.write(lambda connection: self._announce(connection, activity))
        started = await self._changed.poll(
            activity.activity_id, lambda: self._past(wanted.activity_id, State.NEW), timeout_s
        )
        if started is None:
            await self.end(wanted.activity_id, f"No ExeUnit came up within {timeout_s:g} s.")
            raise RequestTimeout(
                f"The provider did not start an ExeUnit within {timeout_s:g} s.",
                activity_id=wanted.activity_id,
            )
        return view(started)

    async def _admitted(self, caller: NodeId, wanted: Create) -> Activity:
        agreement = await approved(self._agreements, wanted.agreement_id)
        if (agreement.requestor_id, agreement.provider_id) != (caller, self._node_id):
            raise NotFound("There is no such agreement.", agreement_id=wanted.agreement_id)
        known = await self._known.find(wanted.activity_id)
        if known and known.agreement_id != wanted.agreement_id:
            raise BadRequest("This activity id is taken.")
        return known or Activity(
            activity_id=wanted.activity_id,
            side=Side.PROVIDER,
            agreement_id=wanted.agreement_id,
            requestor_id=caller,
            provider_id=self._node_id,
            state=State.NEW,
            created=self._clock.now(),
        )

    def _announce(self, connection: Connection, activity: Activity) -> None:
        if store.add(connection, activity):
            self._tell_agent(connection, activity, CREATED)

    async def state(self, caller: NodeId, activity_id: str) -> StateView:
        """Where the activity is."""
        return view(await self.of(caller, activity_id))

    async def destroy(self, caller: NodeId, activity_id: str) -> None:
        """End the activity; returns when it has ended, for which its ExeUnit has some seconds."""
        activity = await self.of(caller, activity_id)
        if activity.state is State.TERMINATED:
            return
        await self._ask_to_end(activity)
        ended = await self._changed.poll(activity_id, lambda: self._ended(activity_id), DESTROY_GRACE_S)
        if not ended:
            await self.end(activity_id, "Destroyed by the requestor; its ExeUnit did not stop in time.")

    async def suspend(self, caller: NodeId, wanted: SuspendWanted) -> None:
        """Have the ExeUnit stop what runs, or let it go on.

        Raises:
            Gone: the activity has ended.
            Conflict: its ExeUnit is not connected now.
        """
        activity = await self.of(caller, wanted.activity_id)
        if activity.state is State.TERMINATED:
            raise Gone("The activity has ended.", why=activity.reason or "", activity_id=activity.activity_id)
        if not self._units.is_connected(activity.activity_id):
            raise Conflict("The activity's ExeUnit is not connected.", activity_id=activity.activity_id)
        await self._units.send(activity.activity_id, Suspend(wanted.is_on))

    async def _ask_to_end(self, activity: Activity) -> None:
        def mark(connection: Connection) -> None:
            current = store.find(connection, activity.activity_id, Side.PROVIDER)
            if current is None or current.destroying:
                return
            self._known.change(connection, activity.activity_id, destroying=True)
            self._tell_agent(connection, activity, DESTROYED)

        await self._database.write(mark)
        await self._units.send(activity.activity_id, Stop(reason="Destroyed by the requestor."))

    async def of(self, caller: NodeId, activity_id: str) -> Activity:
        """The activity, if it is the caller's business. Raises ``NotFound`` or ``Forbidden``."""
        activity = await self.get(activity_id)
        if activity.requestor_id != caller:
            raise Forbidden("The activity belongs to another requestor.", activity_id=activity_id)
        return activity

    # -- told by the ExeUnit and the agent -----------------------------------------------------------------

    async def report(self, activity_id: str, state: str, reason: str | None, error: str | None) -> None:
        """Note the state that the ExeUnit or the agent reports.

        Raises:
            NotFound: no such activity here.
            IllegalStep: the state does not follow from the present one.
        """
        event = event_of(state)
        if event is Event.ENDED:
            await self.end(activity_id, reason or "The ExeUnit has ended.", error=error, tell_agent=False)
            return
        activity = await self.get(activity_id)
        if step(activity.state, event) is not activity.state:
            await self._apply(activity_id, event)

    async def lost(self, activity_id: str) -> None:
        """Note that the connection to the ExeUnit broke."""
        await self._apply(activity_id, Event.LOST)

    async def _apply(self, activity_id: str, event: Event) -> None:
        def change(connection: Connection) -> None:
            activity = store.find(connection, activity_id, Side.PROVIDER)
            if activity is None:
                return
            self._known.change(connection, activity_id, state=step(activity.state, event))
            self._wake(connection, activity_id)

        await self._database.write(change)

    async def used(self, activity_id: str, usage: Usage) -> None:
        """Note usage counters."""
        values = {"counters": encode(usage.counters), "counted": usage.at}
        await self._database.write(lambda c: self._known.change(c, activity_id, **values))

    async def end(
        self, activity_id: str, reason: str, *, error: str | None = None, tell_agent: bool = True
    ) -> None:
        """End the activity, its batches and everybody's waiting; does nothing if it has ended before."""

        def change(connection: Connection) -> None:
            activity = store.find(connection, activity_id, Side.PROVIDER)
            if activity is None or activity.state is State.TERMINATED:
                return
            state, now = step(activity.state, Event.ENDED), self._clock.now()
            values = {"state": state, "reason": reason, "error_message": error, "ended": now}
            self._known.change(connection, activity_id, **values)
            self._batches.end_all(connection, activity, error or reason)
            if tell_agent and not activity.destroying:
                self._tell_agent(connection, activity, DESTROYED)
            self._wake(connection, activity_id)

        await self._batches.flush()
        await self._database.write(change)
        log.info("activity ended", activity_id=activity_id, reason=reason)

    async def watch(self, activity_id: str, grace_s: float) -> None:
        """End the activity if its ExeUnit is not connected ``grace_s`` from now."""
        await self._clock.sleep(grace_s)
        if not self._units.is_connected(activity_id):
            await self.end(activity_id, "The ExeUnit disappeared.")

    # -- asked by the agent --------------------------------------------------------------------------------

    async def events(
        self, after: datetime | None, timeout_s: float, limit: int, session: str | None = None
    ) -> list[ActivityEvent]:
        """What an agent has to do since ``after``, of one session or of all; waits for the first."""
        return await self._changed.poll(EVENTS_KEY, lambda: self._events(after, limit, session), timeout_s)

    async def _events(self, after: datetime | None, limit: int, session: str | None) -> list[ActivityEvent]:
        while True:
            page = await self._database.read(lambda c, after=after: store.events_after(c, after, limit))
            wanted = [each for each in page if await self._is_of(each.agreement_id, session)]
            if wanted or len(page) < limit:
                return wanted
            after = page[-1].at

    async def _is_of(self, agreement_id: str, session: str | None) -> bool:
        if session is None:
            return True
        agreement = await self._agreements(agreement_id)
        return agreement is not None and agreement.app_session_id == session

    async def get(self, activity_id: str) -> Activity:
        """The activity. Raises ``NotFound``."""
        activity = await self._known.find(activity_id)
        if activity is None:
            raise NotFound("There is no such activity.", activity_id=activity_id)
        return activity

    async def live(self) -> list[Activity]:
        """The activities that have not ended."""
        return await self._database.read(lambda connection: store.live(connection, Side.PROVIDER))

    async def _past(self, activity_id: str, state: State) -> Activity | None:
        activity = await self.get(activity_id)
        return None if activity.state is state else activity

    async def _ended(self, activity_id: str) -> bool:
        return (await self.get(activity_id)).state is State.TERMINATED

    def _tell_agent(self, connection: Connection, activity: Activity, kind: str) -> None:
        store.add_event(connection, activity, kind, self._clock.now())
        after_commit(connection, lambda: self._changed.fire(EVENTS_KEY))

    def _wake(self, connection: Connection, activity_id: str) -> None:
        after_commit(connection, lambda: self._changed.fire(activity_id))


def view(activity: Activity) -> StateView:
    """The state of ``activity`` as it is told."""
    return StateView(activity.state.value, activity.reason, activity.error_message)

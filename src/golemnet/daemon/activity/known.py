"""The activities of one side in memory: every call concerns one, and hardly any changes it."""

from __future__ import annotations

from sqlalchemy import Connection

from golemnet.daemon.activity import store
from golemnet.daemon.activity.store import Activity, Side
from golemnet.database.database import Database, after_commit

MAX_KEPT = 4096


class KnownActivities:
    """Reads activities, keeping what it read until it is changed through ``change``."""

    def __init__(self, database: Database, side: Side) -> None:
        self._database = database
        self._side = side
        self._kept: dict[str, Activity] = {}
        self._changes = 0

    async def find(self, activity_id: str) -> Activity | None:
        """The activity as it is committed; None if there is none on this side."""
        kept = self._kept.get(activity_id)
        if kept is not None:
            return kept
        before = self._changes
        found = await self._database.read(lambda c: store.find(c, activity_id, self._side))
        # What was read while something changed may be older than the change.
        if found is not None and before == self._changes:
            self._keep(found)
        return found

    def change(self, connection: Connection, activity_id: str, **values: object) -> None:
        """Set columns of an activity in the write of ``connection``."""
        store.change(connection, activity_id, self._side, **values)
        after_commit(connection, lambda: self._forget(activity_id))

    def _keep(self, activity: Activity) -> None:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[activity.activity_id] = activity

    def _forget(self, activity_id: str) -> None:
        self._changes += 1
        self._kept.pop(activity_id, None)

"""Effects that are stored before they are done: what a node promises to send, it sends, whatever happens.

A service writes a new state and the effects that follow from it in one transaction. Afterwards, and again
after every start, the outbox hands each effect to its handler until one attempt succeeds. So an effect is
done at least once, and every handler must be safe to repeat. Effects with one key are done one after the
other in the order of their writing; those with different keys do not wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from golemnet.clock import Clock
from golemnet.database.database import Database, after_commit
from golemnet.database.schema import Instant, metadata
from golemnet.errors import GolemError

FIRST_RETRY = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(minutes=5)
AT_ONCE = 64
LOOK_AHEAD = 500
IDLE_CHECK_S = 60.0

Handler = Callable[[str, bytes], Awaitable[None]]

log = structlog.get_logger(__name__)

outbox_table = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False),
    Column("next_attempt", Instant, nullable=False, index=True),
    Column("give_up", Instant),
    Column("attempts", Integer, nullable=False),
    Index("ix_outbox_kind_key", "kind", "key"),
)


class Undeliverable(GolemError):
    """A handler says that an effect can never be done (the other side refused it): it is dropped."""


class Effect(msgspec.Struct, frozen=True):
    """A stored effect; ``kind`` chooses the handler, ``key`` and ``body`` are for it."""

    id: int
    kind: str
    key: str
    body: bytes
    next_attempt: datetime
    give_up: datetime | None
    attempts: int


class Outbox:
    """The stored effects of one node and their delivery."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._wake = asyncio.Event()
        self._busy: set[tuple[str, str]] = set()

    def put(
        self, connection: Connection, kind: str, key: str, body: bytes, *, give_up: datetime | None = None
    ) -> None:
        """Store an effect in the transaction of ``connection``; it is tried as soon as that is committed.

        Args:
            connection: of the write that stores the state which the effect follows from.
            kind: chooses the handler.
            key: what it is about (a document id, a peer); effects of one kind and key keep their order.
            body: for the handler.
            give_up: after this time the effect is dropped instead of tried again.
        """
        now = self._clock.now()
        values = {"kind": kind, "key": key, "body": body, "created": now, "next_attempt": now}
        connection.execute(insert(outbox_table).values(**values, give_up=give_up, attempts=0))
        after_commit(connection, self._wake.set)

    async def run(self, ready: asyncio.Event, handlers: Mapping[str, Handler]) -> None:
        """Deliver effects until cancelled. What is under way then is repeated after the next start."""
        ready.set()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                now = self._clock.now()
                known = await self._waiting(handlers)
                for effect in self._deliverable(known, now):
                    self._busy.add((effect.kind, effect.key))
                    group.create_task(self._deliver(effect, handlers[effect.kind]))
                await self._sleep(known, now)

    async def _waiting(self, handlers: Mapping[str, Handler]) -> list[Effect]:
        # An effect that ends while the read is under way is still in what was read: leave it out.
        busy_before = set(self._busy)
        effects = await self._database.read(_next_of_each_key)
        return [
            each for each in effects if each.kind in handlers and (each.kind, each.key) not in busy_before
        ]

    def _deliverable(self, waiting: Iterable[Effect], now: datetime) -> list[Effect]:
        idle = (each for each in waiting if (each.kind, each.key) not in self._busy)
        due = [effect for effect in idle if effect.next_attempt <= now]
        return due[: max(AT_ONCE - len(self._busy), 0)]

    async def _sleep(self, waiting: Iterable[Effect], now: datetime) -> None:
        later = [effect.next_attempt for effect in waiting if effect.next_attempt > now]
        seconds = min([IDLE_CHECK_S, *((moment - now).total_seconds() for moment in later)])
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _deliver(self, effect: Effect, handler: Handler) -> None:
        try:
            await self._attempt(effect, handler)
        finally:
            self._busy.discard((effect.kind, effect.key))
            self._wake.set()

    async def _attempt(self, effect: Effect, handler: Handler) -> None:
        try:
            await handler(effect.key, effect.body)
        except Undeliverable as error:
            log.warning("effect dropped", kind=effect.kind, key=effect.key, why=str(error))
        except Exception as error:
            if await self._put_off(effect, error):
                return
        await self._database.write(lambda connection: _remove(connection, effect.id))

    async def _put_off(self, effect: Effect, error: Exception) -> bool:
        """Schedule the next attempt; False if there is to be none."""
        now = self._clock.now()
        moment = now + retry_delay(effect.attempts)
        known = isinstance(error, GolemError)
        report = log.info if known else log.exception
        report(
            "effect put off", kind=effect.kind, key=effect.key, attempt=effect.attempts + 1, why=str(error)
        )
        if effect.give_up is not None and moment > effect.give_up:
            log.warning("effect given up", kind=effect.kind, key=effect.key, why=str(error))
            return False
        await self._database.write(lambda connection: _postpone(connection, effect, moment))
        return True

    async def retry_now(self, kind: str, key: str) -> None:
        """Try the effects of ``kind`` and ``key`` at once: what they waited for may be there again."""
        now = self._clock.now()

        def hurry(connection: Connection) -> None:
            mine = (outbox_table.c.kind == kind) & (outbox_table.c.key == key)
            connection.execute(update(outbox_table).where(mine).values(next_attempt=now))
            after_commit(connection, self._wake.set)

        await self._database.write(hurry)


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after attempt number ``attempts`` (from 0) has failed: doubled, up to 5 minutes."""
    return min(FIRST_RETRY * 2 ** min(attempts, 20), LONGEST_RETRY)


def _next_of_each_key(connection: Connection) -> list[Effect]:
    first = select(func.min(outbox_table.c.id)).group_by(outbox_table.c.kind, outbox_table.c.key)
    chosen = select(outbox_table).where(outbox_table.c.id.in_(first))
    soonest = chosen.order_by(outbox_table.c.next_attempt).limit(LOOK_AHEAD)
    return [_effect(row) for row in connection.execute(soonest)]


def _effect(row: object) -> Effect:
    return msgspec.convert(row, Effect, from_attributes=True)


def _remove(connection: Connection, effect_id: int) -> None:
    connection.execute(delete(outbox_table).where(outbox_table.c.id == effect_id))


def _postpone(connection: Connection, effect: Effect, moment: datetime) -> None:
    values = {"next_attempt": moment, "attempts": effect.attempts + 1}
    connection.execute(update(outbox_table).where(outbox_table.c.id == effect.id).values(**values))

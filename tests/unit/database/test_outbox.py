"""Effects are done at least once, in order per key, and survive a restart."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from golemnet.clock import SystemClock
from golemnet.database.database import Database
from golemnet.database.outbox import LONGEST_RETRY, Outbox, Undeliverable, outbox_table, retry_delay


@pytest.fixture
async def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    await database.open()
    yield database
    await database.close()


@asynccontextmanager
async def running(outbox: Outbox, handler):
    task = asyncio.create_task(outbox.run(asyncio.Event(), {"send": handler}))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def pending(database: Database) -> int:
    return await database.read(lambda connection: len(connection.execute(select(outbox_table)).all()))


async def eventually(check, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await check():  # noqa: ASYNC110 - the table is what is watched
            await asyncio.sleep(0.01)


async def drained(database: Database) -> bool:
    return await pending(database) == 0


async def put(database: Database, outbox: Outbox, key: str, *bodies: bytes, **more) -> None:
    def write(connection) -> None:
        for body in bodies:
            outbox.put(connection, "send", key, body, **more)

    await database.write(write)


async def test_an_effect_is_delivered_and_removed(database: Database):
    outbox, seen = Outbox(database, SystemClock()), []

    async def handler(key: str, body: bytes) -> None:
        seen.append((key, body))

    async with running(outbox, handler):
        await put(database, outbox, "a", b"1", b"2", b"3")
        await eventually(lambda: drained(database))
    assert seen == [("a", b"1"), ("a", b"2"), ("a", b"3")]


async def test_a_failing_key_keeps_its_order_and_does_not_hold_up_others(database: Database):
    outbox, seen = Outbox(database, SystemClock()), []

    async def handler(key: str, body: bytes) -> None:
        if key == "bad" and seen.count((key, body)) == 0 and body == b"1":
            seen.append((key, body))
            raise ConnectionError("not yet")
        seen.append((key, body))

    async with running(outbox, handler):
        await put(database, outbox, "bad", b"1", b"2")
        await put(database, outbox, "good", b"1")
        await eventually(lambda: drained(database))
    assert [body for key, body in seen if key == "bad"] == [b"1", b"1", b"2"]
    assert seen.index(("good", b"1")) < seen.index(("bad", b"2"))


async def test_what_was_under_way_is_repeated_by_the_next_process(database: Database):
    first, reached = Outbox(database, SystemClock()), asyncio.Event()

    async def hang(key: str, body: bytes) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with running(first, hang):
        await put(database, first, "a", b"1")
        await asyncio.wait_for(reached.wait(), 20)
    assert await pending(database) == 1
    seen = []

    async def handler(key: str, body: bytes) -> None:
        seen.append(body)

    async with running(Outbox(database, SystemClock()), handler):
        await eventually(lambda: drained(database))
    assert seen == [b"1"]


async def test_undeliverable_and_overdue_effects_are_dropped(database: Database):
    outbox = Outbox(database, SystemClock())

    async def handler(key: str, body: bytes) -> None:
        raise Undeliverable("refused") if key == "refused" else ConnectionError("away")

    async with running(outbox, handler):
        await put(database, outbox, "refused", b"")
        await put(database, outbox, "away", b"", give_up=SystemClock().now() + timedelta(milliseconds=1))
        await eventually(lambda: drained(database))


async def test_a_postponed_effect_can_be_hurried(database: Database):
    outbox, attempts = Outbox(database, SystemClock()), []

    async def handler(key: str, body: bytes) -> None:
        attempts.append(body)
        if len(attempts) < 5:
            raise ConnectionError("away")

    async with running(outbox, handler):
        await put(database, outbox, "a", b"1")
        async with asyncio.timeout(2):  # without hurry the attempts would take 7.5 s
            while await pending(database):
                await outbox.retry_now("send", "a")


def test_delays_grow_to_a_bound():
    delays = [retry_delay(attempts) for attempts in range(100)]
    assert delays == sorted(delays)
    assert delays[0] == timedelta(seconds=0.5)
    assert delays[-1] == LONGEST_RETRY

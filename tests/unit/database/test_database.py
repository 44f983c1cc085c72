"""One writer, readers that see what is committed, callbacks after the commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import OperationalError

from golemnet.database.database import Database, DatabaseError, after_commit
from golemnet.database.migrations.apply import NewerDatabase, head
from golemnet.database.schema import Amount, Instant

things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("amount", Amount),
)


@pytest.fixture(params=["file", "memory"])
async def database(request, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/test.db" if request.param == "file" else "sqlite://"
    database = Database(url)
    await database.open()
    await database.write(things.metadata.create_all)
    yield database
    await database.close()


async def count(database: Database) -> int:
    return await database.read(lambda connection: len(connection.execute(select(things)).all()))


async def test_a_read_sees_the_write_that_returned_before(database: Database):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    amount = Decimal("0.000000000000000001")
    await database.write(lambda c: c.execute(insert(things).values(id=1, at=moment, amount=amount)))
    row = await database.read(lambda connection: connection.execute(select(things)).one())
    assert row.at == moment
    assert row.at.tzinfo is UTC
    assert row.amount == amount


async def test_an_exception_rolls_back_and_reaches_the_caller(database: Database):
    def fail(connection: Connection) -> None:
        connection.execute(insert(things).values(id=1))
        after_commit(connection, lambda: pytest.fail("called though nothing was committed"))
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        await database.write(fail)
    assert await count(database) == 0
    await asyncio.sleep(0)


async def test_callbacks_run_on_the_loop_after_the_commit(database: Database):
    seen = asyncio.get_running_loop().create_future()

    def write(connection: Connection) -> None:
        connection.execute(insert(things).values(id=1))
        after_commit(connection, lambda: seen.set_result(threading.current_thread()))

    await database.write(write)
    assert await asyncio.wait_for(seen, 20) is threading.current_thread()


async def test_many_writers_and_readers_at_once_lose_nothing(database: Database):
    async def add(number: int) -> None:
        await database.write(lambda c: c.execute(insert(things).values(id=number)), durable=number % 10 == 0)
        assert await count(database) >= 1

    await asyncio.gather(*(add(number) for number in range(100)))
    assert await count(database) == 100


async def test_a_reader_cannot_write(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    await database.open()
    with pytest.raises(OperationalError, match="readonly"):
        await database.read(lambda connection: connection.execute(text("CREATE TABLE x (y)")))
    await database.close()


async def test_close_finishes_the_writes_that_were_accepted(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    await database.open()
    await database.write(things.metadata.create_all)
    late = asyncio.create_task(database.write(lambda c: c.execute(insert(things).values(id=1))))
    await asyncio.sleep(0)
    await database.close()
    await late
    assert sqlite3.connect(tmp_path / "test.db").execute("SELECT count(*) FROM things").fetchone() == (1,)


async def test_a_time_without_a_zone_is_refused(database: Database):
    naive = datetime(2026, 1, 1)
    with pytest.raises(Exception, match="needs a zone"):
        await database.write(lambda c: c.execute(insert(things).values(id=1, at=naive)))


async def test_a_path_that_cannot_be_opened_is_explained(tmp_path: Path):
    with pytest.raises(DatabaseError, match="unable to open"):
        await Database(f"sqlite:///{tmp_path}/missing/test.db").open()


async def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    await database.open()
    await database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num='9999'")))
    await database.close()
    with pytest.raises(NewerDatabase, match=f"9999.*{head()}"):
        await Database(f"sqlite:///{tmp_path}/test.db").open()

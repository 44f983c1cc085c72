"""SQLAlchemy engines set up for one writer and several readers; SQLite needs most of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url

BUSY_TIMEOUT_MS = 15_000


def is_in_memory(url: str) -> bool:
    """Whether ``url`` names a SQLite database without a file."""
    parts = make_url(url)
    return parts.get_backend_name() == "sqlite" and parts.database in (None, "", ":memory:")


def writing_engine(url: str) -> Engine:
    """The engine of the one writer: one connection, write lock taken at the beginning of a transaction."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    pool = {"poolclass": StaticPool} if is_in_memory(url) else {"pool_size": 1, "max_overflow": 0}
    engine = create_engine(url, connect_args={"check_same_thread": False}, **pool)
    event.listen(engine, "connect", _writer_settings)
    event.listen(engine, "begin", _begin("BEGIN IMMEDIATE"))
    return engine


def reading_engine(url: str, connections: int) -> Engine:
    """The engine of the readers; on SQLite its connections refuse to write."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_size=connections, max_overflow=0, pool_pre_ping=True)
    engine = create_engine(
        url, connect_args={"check_same_thread": False}, pool_size=connections, max_overflow=0
    )
    event.listen(engine, "connect", _reader_settings)
    event.listen(engine, "begin", _begin("BEGIN"))
    return engine


@contextmanager
def durable_commit(connection: Connection, durable: bool) -> Iterator[None]:
    """Within it, a commit on ``connection`` waits for the disk if ``durable``. Only SQLite needs telling."""
    if not durable or connection.dialect.name != "sqlite":
        yield
        return
    _pragma(connection, "synchronous=FULL")
    try:
        yield
    finally:
        _pragma(connection, "synchronous=NORMAL")


def _pragma(connection: Connection, setting: str) -> None:
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute(f"PRAGMA {setting}")


def _begin(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _writer_settings(raw: sqlite3.Connection, _record: object) -> None:
    # Python's driver would otherwise begin transactions by itself, and later than we want them.
    raw.isolation_level = None
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {setting}")
    raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def _reader_settings(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA query_only=ON")
    raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

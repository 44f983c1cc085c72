"""The database of a daemon: one thread writes, a few read, and nobody waits for a lock.

All writes run one after the other in one thread, each as one ``BEGIN IMMEDIATE`` transaction: SQLite then
never answers "database is locked". Readers see the last committed state (WAL) and never block the writer.
Any other SQLAlchemy URL works too. ``sqlite://`` (in memory) serves tests; there, reads share the writer's
thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from golemnet.database.engines import durable_commit, is_in_memory, reading_engine, writing_engine
from golemnet.database.migrations.apply import migrate
from golemnet.errors import GolemError

READER_THREADS = 3
SLOW_WRITE_S = 0.5

T = TypeVar("T")
Callback = Callable[[], None]

log = structlog.get_logger(__name__)


class DatabaseError(GolemError):
    """The database cannot be opened: wrong path, no rights, or written by a newer program."""


def after_commit(connection: Connection, callback: Callback) -> None:
    """Have ``callback`` called on the event loop once the write that ``connection`` belongs to is committed.

    It is not called when the write fails. This is how a write wakes those who wait for its rows.
    """
    connection.info.setdefault("after_commit", []).append(callback)


class Database:
    """Runs functions that take a ``Connection`` and give a value, and keeps rows and engines to itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._writer = ThreadPoolExecutor(1, "database-writer")
        in_memory = is_in_memory(url)
        self._readers = self._writer if in_memory else ThreadPoolExecutor(READER_THREADS, "database-reader")
        self._writing: Engine = writing_engine(url)
        self._reading: Engine = self._writing if in_memory else reading_engine(url, READER_THREADS)

    async def open(self) -> None:
        """Connect and bring the schema to this program's revision.

        Raises:
            DatabaseError: with the reason, and what to do.
        """
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, migrate, self._writing)
        except DBAPIError as error:
            raise DatabaseError(
                f"The database {self.url} cannot be opened.",
                why=str(error.orig),
                next_step="Check that the directory exists, is yours and has room.",
            ) from error

    async def close(self) -> None:
        """Finish the writes that were accepted, then let go of files and threads."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._reading.dispose()
        self._writer.shutdown()
        self._writing.dispose()

    async def write(self, function: Callable[[Connection], T], *, durable: bool = False) -> T:
        """The result of ``function(connection)``, run alone in one transaction and committed.

        Whatever it raises rolls everything back and is raised here. A write that has begun is finished
        even if the caller is cancelled meanwhile.

        Args:
            function: runs in the writer's thread; it must not block on anything else.
            durable: wait until the commit is on the disk, for what must survive a power cut (money). Without
                it a commit survives the end of the process in any manner, but not that of the machine.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._write, loop, function, durable)

    def _write(
        self, loop: asyncio.AbstractEventLoop, function: Callable[[Connection], T], durable: bool
    ) -> T:
        started = time.monotonic()
        with self._writing.connect() as connection:
            connection.info["after_commit"] = []
            with durable_commit(connection, durable), connection.begin():
                result = function(connection)
            callbacks: list[Callback] = connection.info.pop("after_commit")
        for callback in callbacks:
            loop.call_soon_threadsafe(callback)
        _report_slow(started, function)
        return result

    async def read(self, function: Callable[[Connection], T]) -> T:
        """The result of ``function(connection)`` on one consistent view of what is committed.

        A read that starts after a write has returned sees that write.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, function)

    def _read(self, function: Callable[[Connection], T]) -> T:
        with self._reading.connect() as connection, connection.begin():
            return function(connection)


def _report_slow(started: float, function: Callable[..., object]) -> None:
    seconds = time.monotonic() - started
    if seconds > SLOW_WRITE_S:
        log.warning("slow write", seconds=round(seconds, 3), function=getattr(function, "__qualname__", "?"))

"""Sharing files with providers, over one link to the own daemon."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import aiohttp

from golemnet.errors import GolemError
from golemnet.gftp.content_names import SHA_256
from golemnet.gftp.daemon_address import DaemonAddress
from golemnet.gftp.link import Link, open_session
from golemnet.requestor.scratch import scratch_folder

# Files that no batch needs at the moment, and that are shared all the same.
MAX_IDLE = 256
Known = tuple[str, int, int]


class SharedFolder:
    """Files that providers may read, and places that they may fill; an asynchronous context manager.

    Bytes that have to be sent are kept as files of a temporary folder, named by their hash.

    Args:
        address: the daemon.
    """

    def __init__(self, address: DaemonAddress) -> None:
        self._address = address
        self._known: dict[Known, asyncio.Task[str]] = {}
        self._uses: Counter[str] = Counter()
        self._idle: dict[str, Known] = {}
        self._places: set[str] = set()

    async def __aenter__(self) -> SharedFolder:
        self._stack = ExitStack()
        self._folder = self._stack.enter_context(scratch_folder())
        self._session: aiohttp.ClientSession = open_session(self._address)
        self._link = Link(self._session, self._address.api_url, SHA_256)
        self._running = asyncio.create_task(self._link.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._session.close()
        self._stack.close()

    async def publish(self, path: Path) -> str:
        """Share a file; one that many tasks need is read once. Raises OSError, GolemError."""
        facts = await asyncio.to_thread(path.stat)
        known = (str(path), facts.st_mtime_ns, facts.st_size)
        if known not in self._known or _has_failed(self._known[known]):
            self._known[known] = asyncio.create_task(self._share(path))
        url = await asyncio.shield(self._known[known])
        self._uses[url] += 1
        self._idle.pop(url, None)
        return url

    async def publish_bytes(self, content: bytes) -> str:
        """Share some bytes."""
        path = self._folder / hashlib.sha3_256(content).hexdigest()
        if not path.exists():
            path.write_bytes(content)
        return await self.publish(path)

    async def receive(self, path: Path) -> str:
        """A place for a file that will be stored at ``path``."""
        url = str(await self._link.receive(path))
        self._places.add(url)
        return url

    def check(self) -> None:
        """Raise GolemError if what providers send has no room here: that is no fault of theirs."""
        if (place := self._link.full()) is not None:
            raise GolemError(
                "The disk of this machine is full.",
                why=f"There was no room for {place}, which a provider has sent.",
                next_step="Make space and start it again; what has a name goes on by `golem resume`.",
            )

    async def close(self, url: str) -> None:
        """A batch needs this no more. What is published stays for others, as long as it is not too much."""
        if url in self._places:
            self._places.discard(url)
            await self._link.close(url)
        elif self._uses[url] > 1:
            self._uses[url] -= 1
        elif self._uses.pop(url, 0):
            self._idle[url] = next(known for known, task in self._known.items() if _is_at(task, url))
            if len(self._idle) > MAX_IDLE:
                await self._forget(next(iter(self._idle)))

    async def _forget(self, url: str) -> None:
        """Share something no longer; it is shared anew when it is needed again."""
        known = self._idle.pop(url)
        self._known.pop(known, None)
        # before anything else can happen: the same bytes may be shared again meanwhile
        self._remove(Path(known[0]))
        await self._link.close(url)

    def _remove(self, path: Path) -> None:
        if path.parent == self._folder:
            path.unlink(missing_ok=True)

    async def _share(self, path: Path) -> str:
        return str(await self._link.publish(path))


def _is_at(task: asyncio.Task[str], url: str) -> bool:
    return task.done() and not _has_failed(task) and task.result() == url


def _has_failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)

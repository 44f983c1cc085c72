"""Sharing files with providers, over one link to the own daemon."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import aiohttp

from golemnet.gftp.daemon_address import DaemonAddress
from golemnet.gftp.link import Link, open_session


class SharedFolder:
    """Files that providers may read, and places that they may fill; an asynchronous context manager.

    Bytes that have to be sent are kept as files of a temporary folder, named by their hash.

    Args:
        address: the daemon.
    """

    def __init__(self, address: DaemonAddress) -> None:
        self._address = address
        self._known: dict[tuple[str, int, int], asyncio.Task[str]] = {}
        self._places: set[str] = set()

    async def __aenter__(self) -> SharedFolder:
        self._folder = tempfile.TemporaryDirectory(prefix="golem-requestor-")
        self._session: aiohttp.ClientSession = open_session(self._address)
        self._link = Link(self._session, self._address.api_url)
        self._running = asyncio.create_task(self._link.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._session.close()
        self._folder.cleanup()

    async def publish(self, path: Path) -> str:
        """Share a file; one that many tasks need is read once. Raises OSError, GolemError."""
        facts = await asyncio.to_thread(path.stat)
        known = (str(path), facts.st_mtime_ns, facts.st_size)
        if known not in self._known or _has_failed(self._known[known]):
            self._known[known] = asyncio.create_task(self._share(path))
        return await asyncio.shield(self._known[known])

    async def publish_bytes(self, content: bytes) -> str:
        """Share some bytes."""
        path = Path(self._folder.name) / hashlib.sha3_256(content).hexdigest()
        if not path.exists():
            path.write_bytes(content)
        return await self.publish(path)

    async def receive(self, path: Path) -> str:
        """A place for a file that will be stored at ``path``."""
        url = str(await self._link.receive(path))
        self._places.add(url)
        return url

    async def close(self, url: str) -> None:
        """Close a place that was to receive a file; what is published stays for other tasks."""
        if url in self._places:
            self._places.discard(url)
            await self._link.close(url)

    async def _share(self, path: Path) -> str:
        return str(await self._link.publish(path))


def _has_failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)

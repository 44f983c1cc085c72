"""A real chain for one test."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Self

from golemnet.chain.chain_file import ChainFile, read_chain_file
from golemnet.chain.embedded import CHAIN_FILE, run_embedded_chain

START_TIMEOUT_S = 60.0


class AnvilChain:
    """An embedded chain within an ``async with``: ``file`` describes it, ``path`` is the chain file.

    ``directory`` keeps its state, so that leaving and entering again continues the same chain.
    """

    file: ChainFile

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self.path = directory / CHAIN_FILE
        self._directory = directory
        self._port = port or free_port()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()
        self._running = asyncio.create_task(run_embedded_chain(self._directory, self._port, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait(
            {self._running, waiting}, timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if self._running.done():
            await self._running
        self.file = read_chain_file(self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait({self._running})


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

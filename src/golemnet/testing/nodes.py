"""Whole nodes as objects in this process, on a simulated network: the same code as on real machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from golemnet.clock import Clock
from golemnet.daemon.node import Node
from golemnet.daemon.settings import Settings
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.client import Client

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
APP_KEY = "a" * 32


@asynccontextmanager
async def running(node: Node) -> AsyncIterator[Node]:
    """Run ``node`` from ready to stopped; its failure is raised."""
    task = asyncio.create_task(node.run())
    ready = asyncio.create_task(node.ready.wait())
    await asyncio.wait({task, ready}, timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        await task
    try:
        yield node
    finally:
        node.stop()
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await task


@asynccontextmanager
async def start_nodes(
    count: int,
    directory: Path,
    *,
    network: MemoryNetwork | None = None,
    chain_file: Path | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[list[Node]]:
    """``count`` nodes with data directories below ``directory``; each with the key ``APP_KEY``."""
    shared = network or MemoryNetwork(0)
    async with AsyncExitStack() as stack:
        nodes = [
            Node(settings_of(directory / str(number), chain_file), clock=clock, network=shared.node)
            for number in range(count)
        ]
        for node in nodes:
            await stack.enter_async_context(running(node))
        yield nodes


def settings_of(data_dir: Path, chain_file: Path | None = None) -> Settings:
    """Settings of a node for tests: a free port, a known application key."""
    return Settings(data_dir=data_dir, api_url="http://127.0.0.1:0", app_key=APP_KEY, chain_file=chain_file)


def program(node: Node) -> Client:
    """The door of a program to ``node``."""
    return Client(node.api_url, APP_KEY)

"""Running the parts of a node: started in order, each when the one before is ready; stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog

STOP_TIMEOUT_S = 1.5

log = structlog.get_logger(__name__)


class Part(NamedTuple):
    """Something that runs as long as the node: it sets the event when it is ready."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[None]]


async def run_parts(parts: Sequence[Part], ready: asyncio.Event, stopping: asyncio.Event) -> None:
    """Run ``parts`` until ``stopping`` is set, then end them from the last to the first.

    A part that fails ends them all; its exception comes out in an ExceptionGroup. The stopping takes
    ``STOP_TIMEOUT_S`` in all, unless a part ignores its cancellation.
    """
    async with asyncio.TaskGroup() as group:
        running: list[asyncio.Task[None]] = []
        for part in parts:
            started = asyncio.Event()
            running.append(group.create_task(_run(part, started), name=part.name))
            await started.wait()
        ready.set()
        await stopping.wait()
        await _stop(running)


async def _run(part: Part, started: asyncio.Event) -> None:
    await part.run(started)
    if not started.is_set():
        raise RuntimeError(f"The part {part.name} ended before it was ready.")


async def _stop(running: list[asyncio.Task[None]]) -> None:
    deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT_S
    for task in reversed(running):
        task.cancel()
        left = max(deadline - asyncio.get_running_loop().time(), 0.05)
        _, late = await asyncio.wait({task}, timeout=left)
        if late:
            log.warning("a part is slow to stop", part=task.get_name())

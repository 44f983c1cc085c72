"""What the REST API of a daemon costs: ``python benchmarks/rest.py``.

One daemon as a process, without a chain; one client on a kept-alive connection, then 500 that wait.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import aiohttp
from promises import at_most, finish

from golemnet.testing.nodes import APP_KEY
from golemnet.testing.processes import DaemonProcess

CALLS = 3000
WARM_UP = 300
POLLS = 500
POLL_S = 15.0
SETTLE_S = 60.0
ME = "/me"
POLL = f"/market-api/v1/agreementEvents?timeout={POLL_S}"
PROMISES = {
    "authenticated GET /me, median of one client": at_most(1.0, "ms"),
    "the same, 99 of 100 are faster": at_most(5.0, "ms"),
    "memory for 500 long polls that wait": at_most(30.0, "MB"),
    "GET /me while they wait, median": at_most(1.0, "ms"),
}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory, DaemonProcess(Path(directory) / "node") as daemon:
        figures = asyncio.run(measure(daemon))
    finish(PROMISES, dict(zip(PROMISES, figures, strict=True)))


async def measure(daemon: DaemonProcess) -> list[float]:
    """The figures, in the order of the promises."""
    headers = {"Authorization": f"Bearer {APP_KEY}"}
    connector = aiohttp.TCPConnector(limit=POLLS + 1)
    async with aiohttp.ClientSession(daemon.api_url, headers=headers, connector=connector) as session:
        await call_times(session, WARM_UP)
        alone = await call_times(session, CALLS)
        memory, meanwhile = await held_polls(daemon, session)
    return [median(alone), quantiles(alone, n=100)[98], memory, median(meanwhile)]


async def call_times(session: aiohttp.ClientSession, count: int) -> list[float]:
    """Milliseconds of each of ``count`` calls, one after the other."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        async with session.get(ME) as answer:
            await answer.read()
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status == 200
    return times


async def held_polls(daemon: DaemonProcess, session: aiohttp.ClientSession) -> tuple[float, list[float]]:
    """Megabytes that waiting polls take, and the times of calls beside them."""
    before = daemon.memory_mb()
    polls = [asyncio.create_task(poll(session)) for _ in range(POLLS)]
    async with asyncio.timeout(SETTLE_S):
        while daemon.connections() < POLLS:
            await call_times(session, 10)
    meanwhile = await call_times(session, WARM_UP)
    memory = daemon.memory_mb() - before
    assert not any(each.done() for each in polls), "they were answered before they were counted"
    assert set(await asyncio.gather(*polls)) == {(200, b"[]")}
    return memory, meanwhile


async def poll(session: aiohttp.ClientSession) -> tuple[int, bytes]:
    async with session.get(POLL) as answer:
        return answer.status, await answer.read()


if __name__ == "__main__":
    main()

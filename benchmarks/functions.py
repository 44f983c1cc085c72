"""What a function on other machines costs, beside the same calls in a pool of processes here.

Everything runs against a local network of its own, with real
containers and a real chain; each figure is the median of five rounds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from network import DemoNetwork, demo_network
from promises import at_least, at_most, finish, shown

ROUNDS = 5
CALLS, STREAM = 500, 10_000
WORKERS = 2
SUBNET = "bench"
PROMISES = {
    "first result, from the script's start": at_most(1.0, "s"),
    f"{CALLS} no-op functions on {WORKERS} workers, each": at_most(10.0, "ms"),
    f"{STREAM:,} no-op functions from a generator": at_least(200.0, "calls/s"),
    "growth of memory in these": at_most(20.0, "MB"),
    "round trip of one call": at_most(100.0, "ms"),
    f"{CALLS} no-op functions in a pool of processes, each": shown("ms"),
}
FIRST = """
import time, sys
import asyncio
from golemnet import Golem

def nothing(x):
    return x

async def main():
    async with Golem(budget=1.0, workers=1) as golem:
        async for result in golem.map(nothing, [1]):
            print(time.time())

asyncio.run(main())
"""


def nothing(x: int) -> int:
    return x


def main() -> None:
    """Measure and print."""
    finish(PROMISES, asyncio.run(measure()))


async def measure() -> dict[str, float]:
    """All figures, by what they are."""
    names = list(PROMISES)
    async with demo_network(WORKERS, SUBNET) as network:
        await first_result(network)  # builds and pushes the image, and every provider fetches it
        figures = {names[0]: median([await first_result(network) for _ in range(ROUNDS)])}
        os.environ.update(network.environment)
        figures |= await functions(names)
    figures[names[5]] = pool()
    return figures


async def first_result(network: DemoNetwork) -> float:
    """Seconds from the start of a script's process to its first result."""
    started = time.time()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FIRST),
        env={**os.environ, **network.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    if process.returncode != 0:
        raise SystemExit("the first script failed")
    return float(output) - started


async def functions(names: list[str]) -> dict[str, float]:
    """Calls at workers that are warm."""
    from golemnet import Golem

    async with Golem(5.0, workers=WORKERS, event_consumer=lambda event: None) as golem:
        await calls(golem, CALLS)
        each = [await calls(golem, CALLS) / CALLS * 1000 for _ in range(ROUNDS)]
        trips = [await calls(golem, 1) * 1000 for _ in range(ROUNDS)]
        before = memory_mb()
        seconds = await calls(golem, STREAM)
        growth = memory_mb() - before
    return {
        names[1]: median(each),
        names[2]: STREAM / seconds,
        names[3]: growth,
        names[4]: median(trips),
    }


async def calls(golem, count: int) -> float:
    """Seconds for so many calls."""
    started = time.monotonic()
    expected = 0
    async for result in golem.map(nothing, (number for number in range(count))):
        if result != expected:
            raise SystemExit(f"call {expected} has brought {result}")
        expected += 1
    if expected != count:
        raise SystemExit(f"{expected} results of {count} calls")
    return time.monotonic() - started


def pool() -> float:
    """Milliseconds for a call in a pool of processes of this machine."""
    with ProcessPoolExecutor(WORKERS) as executor:
        list(executor.map(nothing, range(10)))
        rounds = []
        for _ in range(ROUNDS):
            started = time.monotonic()
            list(executor.map(nothing, range(CALLS)))
            rounds.append((time.monotonic() - started) / CALLS * 1000)
    return median(rounds)


def memory_mb() -> float:
    """What this process holds; statm would be quicker, and is not exact."""
    [line] = [each for each in Path("/proc/self/smaps_rollup").read_text().splitlines() if each[:4] == "Rss:"]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()

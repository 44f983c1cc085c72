"""What the README says about speed, measured on this machine: ``make bench``.

Everything runs against a local network of its own, with real containers and a real chain.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from images import cache_directory, small_image
from network import DemoNetwork, demo_network
from promises import at_least, at_most, finish

from golemnet.image.recipe import cached_image
from golemnet.local.status import Line

JOB = Path(__file__).with_name("trivial.py")
REPEATS = 3
IDLE_S = 10.0
SUBNET = "bench"
PROMISES = {
    "network of three providers ready": at_most(6.0, "s"),
    "first result of a trivial task, from the script's start": at_most(1.5, "s"),
    "trivial tasks with 10 KB in and out, 4 providers": at_least(50.0, "tasks/s"),
    "memory of an idle daemon": at_most(120.0, "MB"),
    "processor of an idle daemon": at_most(1.0, "%"),
}


def main() -> None:
    """Measure and print."""
    finish(PROMISES, asyncio.run(measure()))


async def measure() -> dict[str, float]:
    """All figures, by what they are."""
    image = await asyncio.to_thread(cached_image, small_image(), cache_directory())
    names = list(PROMISES)
    started = time.monotonic()
    async with demo_network(3, SUBNET):
        figures = {names[0]: time.monotonic() - started}
    async with demo_network(4, SUBNET) as network:
        sha3 = await network.publish(image.image, "bench/small")
        figures[names[3]], figures[names[4]] = await idle_daemon(network)
        await job(network, sha3, 4, 0, 4)  # every provider has the image afterwards
        figures[names[1]] = median([await first_result(network, sha3) for _ in range(REPEATS)])
        figures[names[2]] = median([await throughput(network, sha3) for _ in range(REPEATS)])
    return figures


async def first_result(network: DemoNetwork, sha3: str) -> float:
    """Seconds from the start of the script's process to its first result."""
    started = time.time()
    return (await job(network, sha3, 1, 0, 1))["first"] - started


async def throughput(network: DemoNetwork, sha3: str) -> float:
    """Tasks a second once the providers work: from the first result to the last."""
    report = await job(network, sha3, 100, 10 * 1024, 4)
    return (report["tasks"] - 1) / (report["last"] - report["first"])


async def job(network: DemoNetwork, sha3: str, tasks: int, size: int, workers: int) -> Mapping[str, float]:
    """Run the job in a process of its own; what it reports."""
    arguments: Sequence[str] = [str(JOB), sha3, str(tasks), str(size), str(workers)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **network.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    if process.returncode != 0:
        raise SystemExit(f"the job failed: {' '.join(arguments)}")
    return json.loads(output)


async def idle_daemon(network: DemoNetwork) -> tuple[float, float]:
    """The most memory in MB and the largest share of a processor in percent of daemons at rest."""
    daemons = await _daemons(network)
    before = {line.pid: _ticks(line.pid) for line in daemons if line.pid}
    await asyncio.sleep(IDLE_S)
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    shares = [(_ticks(pid) - ticks) / ticks_a_second / IDLE_S for pid, ticks in before.items()]
    return max(float(line.memory_mb or 0) for line in await _daemons(network)), 100 * max(shares)


async def _daemons(network: DemoNetwork) -> list[Line]:
    return [line for line in (await network.nodes()).values() if line.role in ("requestor", "provider")]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main()

"""One peer does the work once, and prints its figures as JSON. It runs in the peer's own environment.

Usage: peer_job.py golem|first|dask|ray|pool STARTED, where STARTED is the time just before the process began;
``first`` is ours up to its first result.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peer_work

WORKERS, CALLS = 2, 500
SMALL_BYTES, LARGE_MB = 10 * 1024, 200
Figures = dict[str, float]
Many = Callable[[Callable[..., Any], Sequence[Any]], list[Any]]


def main(peer: str, started: float) -> None:
    """Do the work and print the figures."""
    if peer in ("golem", "first"):
        figures = asyncio.run(golem(started, only_first=peer == "first"))
    else:
        with {"pool": pool, "dask": dask, "ray": ray}[peer]() as many:
            figures = measure(many, started)
    print(json.dumps(figures))


def measure(many: Many, started: float) -> Figures:
    """The figures of a peer whose calls are made by ``many``."""
    many(peer_work.nothing, [1])
    figures = {"first": time.time() - started}
    many(peer_work.nothing, range(4 * WORKERS))
    figures["calls"] = CALLS / timed(lambda: many(peer_work.nothing, range(CALLS)))
    small = [os.urandom(SMALL_BYTES) for _ in range(CALLS)]
    figures["programs"] = CALLS / timed(lambda: check(many(peer_work.copied, small) == small))
    with tempfile.TemporaryDirectory() as folder:
        source, target = large_file(folder), Path(folder, "back")
        seconds = timed(lambda: target.write_bytes(many(peer_work.stored, [source.read_bytes()])[0]))
        check(target.stat().st_size == source.stat().st_size)
    return {**figures, "file": 2 * LARGE_MB / seconds}


@contextmanager
def pool() -> Iterator[Many]:
    """A pool of processes, as the standard library has it."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS) as executor:
        yield lambda function, items: list(executor.map(function, items))


@contextmanager
def dask() -> Iterator[Many]:
    """Dask distributed on this machine, a process for each worker."""
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with LocalCluster(WORKERS, threads_per_worker=1) as cluster, Client(cluster) as client:
        yield lambda function, items: client.gather(
            [client.submit(function, each, pure=False) for each in items]
        )


@contextmanager
def ray() -> Iterator[Many]:
    """Ray on this machine."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    import ray

    ray.init(num_cpus=WORKERS, log_to_driver=False, logging_level="error", object_store_memory=2 << 30)
    known: dict[Any, Any] = {}

    def many(function: Any, items: Sequence[Any]) -> list[Any]:
        remote = known.setdefault(function, ray.remote(function))
        return ray.get([remote.remote(each) for each in items])

    yield many
    ray.shutdown()


async def golem(started: float, only_first: bool) -> Figures:
    """Ours: containers, a meter and payments, on a network that is up."""
    from golemnet import Golem

    async with Golem(5.0, workers=WORKERS, event_consumer=lambda event: None) as golem:
        check(await collect(golem.map(peer_work.nothing, [1])) == [1])
        figures = {"first": time.time() - started}
        if only_first:
            return figures
        await collect(golem.map(peer_work.nothing, range(4 * WORKERS)))
        small = [os.urandom(SMALL_BYTES) for _ in range(CALLS)]
        figures["calls"] = CALLS / await awaited(golem.map(peer_work.nothing, range(CALLS)), range(CALLS))
        figures["programs"] = CALLS / await awaited(golem.map(peer_work.copied, small), small)
        return {**figures, **await files(golem)}


async def files(golem: Any) -> Figures:
    """A large file there and back, and a second task that needs the same one."""
    with tempfile.TemporaryDirectory() as folder:
        source = large_file(folder)
        await golem.run("true")
        began = time.monotonic()
        done = await golem.run(f"cp {source.name} back", [source], output=folder)
        seconds = time.monotonic() - began
        check([path.stat().st_size for path in done.files] == [source.stat().st_size])
        began = time.monotonic()
        again = await golem.run(f"wc -c < {source.name}", [source])
        check(int(again.stdout) == source.stat().st_size)
        return {"file": 2 * LARGE_MB / seconds, "same file": time.monotonic() - began}


async def collect(results: AsyncIterator[Any]) -> list[Any]:
    """All results, in order."""
    return [each async for each in results]


async def awaited(results: AsyncIterator[Any], expected: Sequence[Any]) -> float:
    """Seconds until all results are there and as they should be."""
    began = time.monotonic()
    check(await collect(results) == list(expected))
    return time.monotonic() - began


def timed(work: Callable[[], Any]) -> float:
    """Seconds that ``work`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def large_file(folder: str) -> Path:
    """A file that cannot be compressed much, and is not one block again and again."""
    path = Path(folder, "large")
    with path.open("wb") as file:
        for _ in range(LARGE_MB):
            file.write(os.urandom(1_000_000))
    return path


def check(is_right: bool) -> None:
    """A peer that is quick and wrong is not measured."""
    if not is_right:
        raise SystemExit("wrong results")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

"""The pools of one ``Golem``: one for each image and number of workers, opened at its first call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from golemnet.requestor.buyer import Buyer
from golemnet.requestor.events import Consumer
from golemnet.requestor.market import Market
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.images import FoundImage, check_python, find_image
from golemnet.sdk.interrupts import Interrupted
from golemnet.sdk.pool import Pool


class Pools:
    """Opens pools, and ends them all.

    Args:
        buyer: pays.
        demand: puts a demand for an image on the market.
        needs: memory in GiB and processors that a machine must have.
        done: hears of each outcome.
        emit: hears what happens.
        say: hears what takes long, for people.
    """

    def __init__(
        self,
        buyer: Buyer,
        demand: Callable[[FoundImage], Awaitable[Market]],
        needs: tuple[float, int],
        done: Callable[[Call, Outcome], None],
        emit: Consumer,
        say: Callable[[str], None],
    ) -> None:
        self._buyer = buyer
        self._demand = demand
        self._needs = needs
        self._done = done
        self._emit = emit
        self._say = say
        self._opening: dict[tuple[str, int], asyncio.Task[Pool]] = {}
        self._draining: list[asyncio.Task[None]] = []
        self._banned: set[str] = set()

    async def get(self, image: str, workers: int, needs_python: bool) -> Pool:
        """The workers for an image; they are looked for at the first call."""
        key = (image, workers)
        if key not in self._opening or _has_failed(self._opening[key]):
            self._opening[key] = asyncio.create_task(self._open(image, workers, needs_python))
        return await asyncio.shield(self._opening[key])

    def drain(self) -> bool:
        """Ctrl-C: finish what is running, and begin nothing more; whether anything is running."""
        pools = [each.result() for each in self._opening.values() if _is_there(each)]
        busy = [pool for pool in pools if pool.is_busy]
        self._draining = [asyncio.create_task(pool.drain(Interrupted())) for pool in busy]
        return bool(busy)

    async def drained(self) -> None:
        """Wait until what was running at Ctrl-C is finished."""
        await asyncio.gather(*self._draining)

    async def close(self) -> None:
        """End all workers."""
        for task in (*self._opening.values(), *self._draining):
            task.cancel()
        found = await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in found if isinstance(pool, Pool)))

    async def _open(self, name: str, workers: int, needs_python: bool) -> Pool:
        image = await find_image(name, *self._needs, self._say)
        if needs_python:
            check_python(image, name)
        market = await self._demand(image)
        return Pool(self._buyer, market, workers, self._banned, self._done, self._emit)


def _is_there(task: asyncio.Task[Pool]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _has_failed(task: asyncio.Task[Pool]) -> bool:
    return task.done() and (not _is_there(task) or task.result().failure is not None)

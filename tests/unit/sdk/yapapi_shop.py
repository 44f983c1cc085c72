"""A script for yapapi in a process of its own, at the local containers, which prints results as they come.

After each it waits for a line of its input, or for the end of that.

Arguments: a folder, and the name of the run.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from local_containers import Shop, ShopBuyer, open_shop

from golemnet.rest.payment import MarketDecoration
from yapapi import Golem

COUNT = 30


class YapapiBuyer(ShopBuyer):
    """The same stand-in, which takes the demands of jobs, and tells these nothing."""

    name = "me"

    async def decoration(self):
        return MarketDecoration(properties=[], constraints=[])

    async def publish(self, demand, emit, tell, tailor):
        return await self.demand(None)


def golem_at(shop: Shop, **options) -> Golem:
    """The published ``Golem``, whose engine buys at the shop."""

    class LocalGolem(Golem):
        _workers = 1

        def _new_engine(self):
            engine = super()._new_engine()
            engine.buyer = YapapiBuyer(shop, engine._note, 1000, timedelta(minutes=1))
            return engine

    for name in ("ann", "bob", "cid"):
        shop.market.offer(name)
    return LocalGolem(budget=1000, **options)


def squared(number: int) -> int:
    return number * number


async def main(folder: Path, run: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        async with open_shop(folder, patch) as shop, golem_at(shop, run=run) as golem:
            async for result in golem.map(squared, range(COUNT), window=3):
                print("result", result, flush=True)
                await asyncio.to_thread(sys.stdin.readline)
            print("starmapped", [each async for each in golem.starmap(pow, [(2, 3)])], flush=True)
            print("submitted", await golem.submit(squared, 5), flush=True)
            calls = [each["args"][-1].split() for _, each in shop.containers.runs()]
            print("calls", sum(map(len, calls)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

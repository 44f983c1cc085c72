"""Many calls and long days: memory stays flat, and nothing is lost."""

import asyncio
import gc
import random
from datetime import timedelta

from local_containers import ShopBuyer
from requestor_doors import NOW

from golemnet.requestor.tasks import Task
from golemnet.sdk import pool
from golemnet.sdk.calls import Call, Outcome

MANY = 3_000
SPEED = 20_000.0


def square(x):
    return x * x


def living():
    """How many tasks, calls and outcomes there are."""
    gc.collect()
    return sum(isinstance(each, Task | Call | Outcome) for each in gc.get_objects())


async def test_thousands_of_calls_of_a_generator_leave_nothing_behind(shop):
    """With a journal and a report, which have to be flat as well."""
    shop.events = type("Forgetful", (list,), {"append": lambda self, event: None})()
    most = 0
    async with shop.golem(workers=2, run="many", report=shop.folder / "run.html") as golem:
        async with asyncio.timeout(60):
            expected = 0
            async for each in golem.map(square, (number for number in range(MANY))):
                assert each == expected * expected
                expected += 1
                if expected % 1000 == 0:
                    most = max(most, living())
    assert expected == MANY
    assert most < 3 * 256 + 100, "as many as the window has"
    assert (shop.folder / "run.html").stat().st_size < 2_000_000


class FastClock:
    """A clock on which a day takes some seconds."""

    def __init__(self):
        self._zero = asyncio.get_running_loop().time()

    def now(self):
        return NOW + timedelta(seconds=(asyncio.get_running_loop().time() - self._zero) * SPEED)

    async def sleep(self, seconds):
        await asyncio.sleep(seconds / SPEED)


async def test_a_day_s_work_loses_nothing(shop, monkeypatch):
    """Work comes each hour, machines are let go between, and one batch of six loses its machine."""
    monkeypatch.setattr(pool, "PATIENCE_S", 0.05)
    chance = random.Random(7)
    shop.containers.fate = lambda provider, command: "lost" if chance.random() < 1 / 12 else "ok"
    clock = FastClock()

    async def hourly():
        for hour in range(24):
            for item in range(10):
                yield hour * 10 + item
            await clock.sleep(3600)

    golem = shop.golem(budget=10_000_000, workers=2, retries=20, timeout=timedelta(days=30))
    assert isinstance(golem._buyer, ShopBuyer)
    golem._buyer._clock = clock
    async with golem:
        async with asyncio.timeout(60):
            found = [each async for each in golem.map(square, hourly())]
        assert clock.now() - NOW >= timedelta(hours=24)
    assert found == [number * number for number in range(240)]
    agreements = len(shop.containers.created)
    assert agreements > 5, "machines were let go and lost"
    assert len(shop.market.ended) == agreements, "and each of them can send its invoice"
    assert sum(line.failed for line in golem.report().providers) > 0

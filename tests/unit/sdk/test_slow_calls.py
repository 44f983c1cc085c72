"""Calls that take too long: a limit for each, a second try elsewhere near the end, and Ctrl-C."""

import asyncio
import signal
import time
from datetime import timedelta

import pytest

from golemnet.requestor.errors import TaskFailed
from golemnet.requestor.events import TaskDoubled
from golemnet.sdk import pool, speculation
from golemnet.sdk.runs import command_of


def slept(seconds):
    import time

    time.sleep(seconds)
    return seconds


async def collect(results):
    async with asyncio.timeout(30):
        return [each async for each in results]


def stall(shop, who, command):
    """Let one provider take 20 s for each command that has ``command`` in it."""
    do = shop.containers._do

    async def slow(activity_id, step):
        if "run" in step and shop.containers.created[int(activity_id)] == who and command in str(step):
            await asyncio.sleep(20)
        return await do(activity_id, step)

    shop.containers._do = slow


async def test_a_call_that_takes_too_long_goes_elsewhere(shop):
    stall(shop, "ann", "true")
    shop.containers.first = "ann"
    async with shop.golem(workers=1) as golem:
        found = await collect(golem.map("true {}", range(3), timeout=timedelta(seconds=3)))
    assert [each.status for each in found] == [0, 0, 0]
    providers = {provider for provider, _ in shop.containers.runs()}
    assert "ann" in providers
    assert len(providers) > 1


async def test_a_call_that_is_always_too_slow_fails_with_what_happened(shop):
    async with shop.golem(workers=1, retries=1) as golem:
        with pytest.raises(TaskFailed, match="failed 2 times") as caught:
            await collect(golem.map(slept, [5], timeout=timedelta(seconds=0.5)))
    assert len({each.provider_id for each in caught.value.attempts}) == 2
    assert "too long" in caught.value.attempts[0].problem


async def test_one_slow_call_does_not_fail_those_that_travel_with_it(shop):
    items = [0.0] * 20 + [9.0] + [0.0] * 20
    async with shop.golem(workers=1, retries=1) as golem:
        found = await collect(golem.map(slept, items, timeout=timedelta(seconds=3), return_exceptions=True))
    assert isinstance(found.pop(20), TaskFailed)
    assert found == [0.0] * 40


async def test_the_last_slow_call_is_tried_elsewhere_and_called_back(shop, monkeypatch):
    monkeypatch.setattr(speculation, "LEAST_S", 0.5)
    monkeypatch.setattr(pool, "LEAST_S", 0.5)
    stall(shop, "bob", "echo")
    began = time.monotonic()
    async with shop.golem(workers=2) as golem:
        found = await collect(golem.map("echo {}", range(12), ordered=False))
        assert time.monotonic() - began < 10
        assert sorted(int(each.stdout) for each in found) == list(range(12))
        async with asyncio.timeout(10):
            while not shop.market.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert golem.report().tasks[0].count == 12, "the slow one's result does not count as well"
    doubled = [event for event in shop.events if isinstance(event, TaskDoubled)]
    assert "bob" in {each.provider_name for each in doubled}


async def test_what_is_slow_everywhere_is_not_tried_twice(shop, monkeypatch):
    monkeypatch.setattr(speculation, "LEAST_S", 1.5)
    async with shop.golem(workers=2) as golem:
        await collect(golem.map(slept, [0.4] * 8))
    assert not [event for event in shop.events if isinstance(event, TaskDoubled)]


async def interrupted(shop, times, seconds):
    """What comes of a map when Ctrl-C is pressed so often after its first result; and how long it took."""
    results: list[float] = []
    began = time.monotonic()
    is_told = False
    beside = asyncio.create_task(asyncio.sleep(100))
    try:
        # each call is a task of its own where there is a journal
        async with shop.golem(workers=2, run="interrupted") as golem:
            items = [0.0] + [seconds] * 500
            async for each in golem.map(slept, items, ordered=False, return_exceptions=True):
                results.append(each)
                for _ in range(times if len(results) == 2 else 0):
                    signal.raise_signal(signal.SIGINT)
                    await asyncio.sleep(0.05)
    except KeyboardInterrupt:
        is_told = True
    assert is_told, "the program has to end"
    assert not beside.done(), "the loop, which pays, goes on until then"
    beside.cancel()
    return results, time.monotonic() - began


async def test_ctrl_c_lets_what_is_running_be_finished(shop):
    before = signal.getsignal(signal.SIGINT)
    results, _ = await interrupted(shop, 1, 0.6)
    assert 3 <= len(results) < 20
    assert command_of("interrupted").done == len(results), "whatever was done has come out"
    assert all(isinstance(each, float) for each in results)
    assert len(shop.market.ended) == 2, "every agreement is ended, so that its invoice comes"
    assert signal.getsignal(signal.SIGINT) == before, "the signal is given back"


class Serving:
    """A service that is drained at once."""

    is_open = True

    async def drain(self):
        """Nobody uses it."""

    async def close(self, error=None):
        """Nothing is left."""


async def test_ctrl_c_to_a_service_says_one_thing(shop):
    told = []

    async def serve():
        async with shop.golem() as golem:
            golem._interrupts._say = told.append
            golem._services.append(Serving())
            signal.raise_signal(signal.SIGINT)
            await asyncio.wait_for(asyncio.Event().wait(), 20)

    with pytest.raises(KeyboardInterrupt):
        await serve()
    assert told == ["what is running is finished first; Ctrl-C again stops it"]


async def test_ctrl_c_twice_stops_and_still_ends_the_agreements(shop):
    results, seconds = await interrupted(shop, 2, 3.0)
    assert len(results) == 2
    assert seconds < 12
    assert len(shop.market.ended) == 2

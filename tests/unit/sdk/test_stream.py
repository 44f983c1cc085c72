"""A stream keeps its order, its bounds, and what its source raises."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.sdk.stream import Stream

SOON_S = 20.0


class Flights:
    """Calls that land when the test says so."""

    def __init__(self):
        self.all: list[asyncio.Future] = []

    def start(self, item):
        future = asyncio.get_running_loop().create_future()
        self.all.append(future)
        return future

    def land(self, number):
        self.all[number].set_result(number)


@given(order=st.permutations(range(8)), ordered=st.booleans(), window=st.integers(1, 12))
def test_everything_lands_once_and_no_more_than_the_window_flies(order, ordered, window):
    async def play():
        flights, found, highest = Flights(), [], 0
        stream = Stream(range(8), flights.start, window, ordered)

        async def consume():
            async for future in stream.results():
                found.append(future.result())

        async with asyncio.timeout(SOON_S):
            consuming = asyncio.create_task(consume())
            todo = list(order)
            while todo:
                await asyncio.sleep(0)
                highest = max(highest, len(flights.all) - len(found))
                ready = next((each for each in todo if each < len(flights.all)), None)
                if ready is not None:
                    todo.remove(ready)
                    flights.land(ready)
            await consuming
        assert sorted(found) == list(range(8))
        assert not ordered or found == list(range(8))
        assert highest <= window

    asyncio.run(play())


async def test_what_is_not_handed_out_is_cancelled():
    flights = Flights()
    results = Stream(range(5), flights.start, 3, True).results()
    asyncio.get_running_loop().call_soon(lambda: None)
    first = asyncio.ensure_future(anext(results))
    while len(flights.all) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    flights.land(0)
    assert (await first).result() == 0
    await results.aclose()
    assert [future.cancelled() for future in flights.all[1:]] == [True] * (len(flights.all) - 1)


async def test_the_source_s_exception_comes_after_what_was_before_it():
    def source():
        yield 1
        raise LookupError

    flights = Flights()
    results = Stream(source(), flights.start, 3, True).results()
    first = asyncio.ensure_future(anext(results))
    while not flights.all:  # noqa: ASYNC110
        await asyncio.sleep(0)
    flights.land(0)
    await first
    with pytest.raises(LookupError):
        await anext(results)

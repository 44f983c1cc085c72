"""Wake-ups reach those who wait for the key, and none is lost."""

from __future__ import annotations

import asyncio

from golemnet.daemon.events import Signal


async def test_fire_wakes_all_who_wait_for_the_key_and_nobody_else():
    signal = Signal[str]()
    waits = [asyncio.create_task(signal.wait(key, 0.05)) for key in ("a", "a", "b")]
    await asyncio.sleep(0)
    signal.fire("a")
    assert await asyncio.gather(*waits) == [True, True, False]
    assert not signal._waiting


async def test_a_fire_during_the_look_is_not_lost():
    signal, results = Signal[str](), iter([[], ["found"]])

    async def look() -> list[str]:
        found = next(results)
        if not found:
            signal.fire("a")
            await asyncio.sleep(0)
        return found

    assert await signal.poll("a", look, timeout_s=5) == ["found"]


async def test_a_poll_gives_the_last_look_when_time_is_up():
    async def look() -> list[str]:
        return []

    assert await Signal[str]().poll("a", look, timeout_s=0.01) == []

"""Parts start in order, stop in reverse, and fall together."""

from __future__ import annotations

import asyncio

import pytest

from golemnet.daemon.parts import Part, run_parts


def recording(name: str, log: list[str]) -> Part:
    async def run(ready: asyncio.Event) -> None:
        log.append(f"start {name}")
        await asyncio.sleep(0)
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"stop {name}")

    return Part(name, run)


async def test_the_order():
    log: list[str] = []
    ready, stopping = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_parts([recording(name, log) for name in "abc"], ready, stopping))
    await ready.wait()
    assert log == ["start a", "start b", "start c"]
    stopping.set()
    await task
    assert log[3:] == ["stop c", "stop b", "stop a"]


async def test_a_part_that_fails_ends_them_all():
    log: list[str] = []

    async def fail(ready: asyncio.Event) -> None:
        ready.set()
        raise KeyError("on purpose")

    parts = [recording("a", log), Part("b", fail)]
    with pytest.raises(ExceptionGroup) as caught:
        await run_parts(parts, asyncio.Event(), asyncio.Event())
    assert caught.group_contains(KeyError)
    assert log == ["start a", "stop a"]


async def test_a_part_that_ends_before_it_is_ready_is_an_error():
    async def leave(_: asyncio.Event) -> None:
        return

    with pytest.raises(ExceptionGroup) as caught:
        await run_parts([Part("a", leave)], asyncio.Event(), asyncio.Event())
    assert caught.group_contains(RuntimeError, match="The part a ended")

"""Waiting for a process to become the program that it is to be."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process

from golemnet.runtime.processes import becomes

TIMEOUT_S = 20.0


async def shell(script: str) -> Process:
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", script, stdin=PIPE)


async def test_a_process_is_waited_for_until_it_runs_the_program() -> None:
    process = await shell("read told; exec sleep 60")
    try:
        waiting = asyncio.create_task(becomes(process.pid, "sleep", TIMEOUT_S))
        assert not await becomes(process.pid, "sleep", 0.05)
        assert not waiting.done()
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        assert await waiting
    finally:
        process.kill()
        await process.wait()


async def test_a_process_that_ends_before_is_not_waited_for() -> None:
    process = await shell("exit 0")
    async with asyncio.timeout(TIMEOUT_S / 2):
        assert not await becomes(process.pid, "sleep", TIMEOUT_S)
        await process.wait()

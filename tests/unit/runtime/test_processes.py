"""The beginning and the end of processes, as the host sees them."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process

from golemnet.runtime.processes import HostProcess, becomes, has_ended

TIMEOUT_S = 20.0


async def shell(script: str) -> Process:
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", script, stdin=PIPE, stdout=PIPE)


async def outputs_end(process: HostProcess) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(process.stdout.read(), process.stderr.read())


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


async def test_a_command_is_killed_though_others_hold_its_output() -> None:
    process = await HostProcess.start(["/bin/sh", "-c", "sleep 60 & echo $!; wait"])
    child = int(await process.stdout.readline())
    try:
        async with asyncio.timeout(TIMEOUT_S / 2):
            await process.kill()
            assert await process.wait() == 137
        assert await has_ended(process.pid, TIMEOUT_S)
        assert not await has_ended(child, 0.05)
    finally:
        os.kill(child, signal.SIGKILL)
        await outputs_end(process)


async def test_a_command_ends_though_others_hold_its_output() -> None:
    process = await HostProcess.start(["/bin/sh", "-c", "sleep 60 & echo $!; exit 3"])
    child = int(await process.stdout.readline())
    try:
        async with asyncio.timeout(TIMEOUT_S / 2):
            assert await process.wait() == 3
        assert not process.stdout.at_eof()
    finally:
        os.kill(child, signal.SIGKILL)
        await outputs_end(process)

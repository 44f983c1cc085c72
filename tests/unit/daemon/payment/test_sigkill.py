"""Processes that are really killed, by SIGKILL: the next one finds its way by what is on the disk."""

import asyncio
import os
import random
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from golemnet.chain.chain_file import write_chain_file
from golemnet.testing.bad_chain import BadChain
from golemnet.testing.faults import Life

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(240)]
PACKAGES = Path(__file__).parents[1]
MOMENTS = [
    "before eth_estimateGas #1",
    "after eth_sendRawTransaction #1",
    "before eth_sendRawTransaction #1",
    "after eth_sendRawTransaction #1",
    "before eth_getTransactionReceipt #1",
    "after eth_getLogs #2",
    "after eth_sendRawTransaction #1",
    "after eth_getTransactionReceipt #1",
]
PROCESS_S = 60.0


@asynccontextmanager
async def deal_process(directory, chain_file, directly):
    command = [sys.executable, "-m", "payment.deal_process", str(directory), str(chain_file), str(directly)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ends_well(directory, chain_file, directly):
    async with deal_process(directory, chain_file, directly) as process, asyncio.timeout(PROCESS_S):
        assert await process.wait() == 0


async def test_killed_at_one_call_of_the_chain_after_the_other(chain, tmp_path):
    async with BadChain(chain.file.rpc_url) as bad:
        file = tmp_path / "bad.json"
        write_chain_file(file, msgspec.structs.replace(chain.file, rpc_url=bad.url))
        killed = 0
        for moment in MOMENTS:
            bad.life = Life(moment)
            async with deal_process(tmp_path, file, chain.path) as process:
                killed += await _dies(process, bad.life)
        bad.life = Life()
        await ends_well(tmp_path, file, chain.path)
    assert killed >= len(MOMENTS) - 2


async def _dies(process, life):
    """Kill the process when its life is over; whether that came before its end."""
    ending = asyncio.create_task(process.wait())
    dying = asyncio.create_task(life.over.wait())
    async with asyncio.timeout(PROCESS_S):
        await asyncio.wait({ending, dying}, return_when=asyncio.FIRST_COMPLETED)
    dying.cancel()
    if life.over.is_set():
        process.kill()
    await ending
    return life.over.is_set()


@pytest.mark.parametrize("seed", range(2))
async def test_killed_at_any_time(chain, tmp_path, seed):
    times = random.Random(seed)
    for _ in range(6):
        async with deal_process(tmp_path, chain.path, chain.path) as process:
            await _until_it_writes(tmp_path, process)
            await asyncio.sleep(times.uniform(0, 0.4))
            if process.returncode is None:
                process.kill()
    await ends_well(tmp_path, chain.path, chain.path)


async def _until_it_writes(directory, process):
    def written():
        return [each.stat().st_mtime_ns for each in directory.glob("*.db-wal")]

    before = written()
    async with asyncio.timeout(PROCESS_S):
        while process.returncode is None and written() == before:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

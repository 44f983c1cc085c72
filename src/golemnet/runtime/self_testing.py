"""Having this machine tested by a process of its own, after what the last run has left is gone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from golemnet.runtime.clean_up import clean_up
from golemnet.runtime.self_test import SelfTest

TEST_TIMEOUT_S = 90.0


async def self_test(state_dir: Path, *, timeout_s: float = TEST_TIMEOUT_S) -> SelfTest:
    """Clean up below ``state_dir``, then test the drivers in another process."""
    clean_up(state_dir)
    await asyncio.to_thread(state_dir.mkdir, parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "golemnet.runtime.self_test", str(state_dir)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError:
        return SelfTest(None, None, timeout_s, {"self-test": f"did not end in {timeout_s:g} s"})
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _result(output, errors)


def _result(output: bytes, errors: bytes) -> SelfTest:
    try:
        return msgspec.json.decode(output, type=SelfTest)
    except msgspec.DecodeError:
        return SelfTest(None, None, 0.0, {"self-test": errors.decode("utf-8", "replace")[-2000:]})

"""A requestor's script as a process of its own, followed line by line."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


class RunningScript:
    """What the script has printed on both of its outputs, while it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []
        self._grown = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def output(self) -> str:
        """All of it until now."""
        return "".join(self._lines)

    async def until(self, pattern: str, timeout_s: float) -> str:
        """The first line that ``pattern`` is found in; waits for it."""
        async with asyncio.timeout(timeout_s), self._grown:
            await self._grown.wait_for(lambda: self._find(pattern) or self._reading.done())
        found = self._find(pattern)
        assert found, f"{pattern!r} is not in:\n{self.output}"
        return found

    async def finish(self, timeout_s: float) -> int:
        """Wait for its end; the exit status."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._reading)
                return await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"it has not ended within {timeout_s:g} s:\n{self.output}") from None

    def signal(self, number: int) -> None:
        """Send it a signal, as a terminal does."""
        self._process.send_signal(number)

    async def close(self) -> None:
        """Kill it if it lives."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    def _find(self, pattern: str) -> str | None:
        return next((line for line in self._lines if re.search(pattern, line)), None)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._grown:
                self._lines.append(line.decode(errors="replace"))
                self._grown.notify_all()


@asynccontextmanager
async def running_script(
    folder: Path, script: Path, *arguments: str, environment: Mapping[str, str]
) -> AsyncIterator[RunningScript]:
    """Start ``script`` in ``folder``; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(script), *arguments),
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = RunningScript(process)
    try:
        yield running
    finally:
        await running.close()

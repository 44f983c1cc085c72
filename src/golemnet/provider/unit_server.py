"""The agent's side of the server that its ExeUnits are forked from; started again if it has died."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import msgspec
import psutil
import structlog

from golemnet.runtime.fork_server import Answer, Began, Ended, Failed, Order

START_S = 30.0
STOP_S = 5.0
# Units whose server has died are asked by the kernel to end, which takes them this long at most.
END_S = 20.0
LOST = -signal.SIGKILL

log = structlog.get_logger(__name__)


class Process(Protocol):
    """The process of an ExeUnit."""

    @property
    def pid(self) -> int:
        """Its id, and that of its process group."""
        ...

    @property
    def returncode(self) -> int | None:
        """None while it lives; a negative one is the number of the signal that has ended it."""
        ...

    async def wait(self) -> int:
        """Its status, once it has ended."""
        ...


class Starter(Protocol):
    """Starts the processes of ExeUnits."""

    async def start(self, arguments: Sequence[str], output: Path) -> Process:
        """A new process; what it writes is added to ``output``. Raises OSError."""
        ...


class Forked:
    """A copy of the server at work."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """See ``Process``."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def has_ended(self, status: int) -> None:
        """It has, with ``status``."""
        self.returncode = status
        self._ended.set()


class UnitServer:
    """A ``Starter``, within an ``async with``; the server begins with the first unit, or by ``warm``.

    Args:
        directory: where the units work; on the command line, for those who look at the list of processes.
        environment: what the units find in their environment, besides the agent's.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._command = (sys.executable, "-m", "golemnet.cli.exe_unit", "--serve", str(directory))
        self._environment = environment
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._ordered: deque[asyncio.Future[Forked]] = deque()
        self._units: dict[int, Forked] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await asyncio.wait(self._readers, timeout=STOP_S)
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*self._readers)

    async def warm(self) -> None:
        """Have the server load what units need, so that the first need not wait. Raises OSError."""
        async with self._lock:
            await self._input()

    async def start(self, arguments: Sequence[str], output: Path) -> Forked:
        """See ``Starter``."""
        began: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        async with self._lock:
            orders = await self._input()
            self._ordered.append(began)
            orders.write(msgspec.json.encode(Order(list(arguments), str(output))) + b"\n")
        try:
            async with asyncio.timeout(START_S):
                return await began
        except TimeoutError:
            raise OSError(f"no process was made within {START_S:g} s") from None

    async def _input(self) -> asyncio.StreamWriter:
        """That of the server, which is started if it does not run. The lock is held."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                process_group=0,
            )
            reader = asyncio.create_task(self._read(self._process))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        assert self._process.stdin is not None
        return self._process.stdin

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            match msgspec.json.decode(line, type=Answer):
                case Began(pid):
                    self._begin(Forked(pid))
                case Failed(why):
                    self._refuse(why)
                case Ended(pid, status):
                    self._units.pop(pid).has_ended(status)
        units = self._forget()
        status = await process.wait()
        if units:
            log.error("the server of exe-units has ended", status=status, units=len(units))
        await asyncio.gather(*(_outlive(unit) for unit in units))

    def _begin(self, unit: Forked) -> None:
        self._units[unit.pid] = unit
        began = self._ordered.popleft()
        if began.done():
            # nobody waits for it any more
            with suppress(ProcessLookupError):
                os.killpg(unit.pid, signal.SIGKILL)
        else:
            began.set_result(unit)

    def _refuse(self, why: str) -> None:
        began = self._ordered.popleft()
        if not began.done():
            began.set_exception(OSError(why))

    def _forget(self) -> list[Forked]:
        """The server has ended, and with it, by the kernel's hand, these units; the next is a new one."""
        self._process = None
        while self._ordered:
            self._refuse("the server of exe-units has ended")
        units, self._units = list(self._units.values()), {}
        return units


async def _outlive(unit: Forked) -> None:
    """Wait for a process that is nobody's child any more."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(unit.pid)
        try:
            await asyncio.to_thread(process.wait, END_S)
        except psutil.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(unit.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
    unit.has_ended(LOST)

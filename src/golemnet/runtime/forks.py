"""The other side of a fork server: has it started, again if it has died, and knows what it has forked."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec
import psutil
import structlog

from golemnet.runtime.fork_server import Answer, Began, Ended, Failed, Order

START_S = 30.0
STOP_S = 5.0
# Programs whose server has died are asked by the kernel to end, which takes them this long at most.
END_S = 20.0
LOST = -signal.SIGKILL

log = structlog.get_logger(__name__)


class Forked:
    """A copy of the server at work; its id is also that of its process group."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Its status, once it has ended; a negative one is the number of the signal that did it."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end; nothing if it has."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; nothing if it has ended."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def has_ended(self, status: int) -> None:
        """It has, with ``status``."""
        self.returncode = status
        self._ended.set()


class ForkServer:
    """A server, to be closed in the end; it begins with the first program, or by ``warm``.

    Args:
        command: that calls ``golemnet.runtime.fork_server.serve``.
        environment: what the server finds in its environment besides ours.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._ordered: deque[asyncio.Future[Forked]] = deque()
        self._programs: dict[int, Forked] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the server, and with it what it has forked."""
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await asyncio.wait(self._readers, timeout=STOP_S)
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*self._readers)

    async def warm(self) -> None:
        """Have the server load what programs need, so that the first need not wait. Raises OSError."""
        async with self._lock:
            await self._input()

    async def start(
        self, arguments: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
    ) -> Forked:
        """A new process; what it writes is added to ``output``. Raises OSError.

        Args:
            arguments: for the program.
            output: the file for what it writes.
            environment: all of it; None for the server's.
        """
        began: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        async with self._lock:
            orders = await self._input()
            self._ordered.append(began)
            own = None if environment is None else dict(environment)
            orders.write(msgspec.json.encode(Order(list(arguments), str(output), own)) + b"\n")
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
                    self._programs.pop(pid).has_ended(status)
        programs = self._forget()
        status = await process.wait()
        if programs:
            log.error("the fork server has ended", status=status, programs=len(programs))
        await asyncio.gather(*(_outlive(program) for program in programs))

    def _begin(self, program: Forked) -> None:
        self._programs[program.pid] = program
        began = self._ordered.popleft()
        if began.done():
            # nobody waits for it any more
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
        else:
            began.set_result(program)

    def _refuse(self, why: str) -> None:
        began = self._ordered.popleft()
        if not began.done():
            began.set_exception(OSError(why))

    def _forget(self) -> list[Forked]:
        """The server has ended, and with it, by the kernel's hand, these programs; the next is a new one."""
        self._process = None
        while self._ordered:
            self._refuse("the fork server has ended")
        programs, self._programs = list(self._programs.values()), {}
        return programs


async def _outlive(program: Forked) -> None:
    """Wait for a process that is nobody's child any more."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(program.pid)
        try:
            await asyncio.to_thread(process.wait, END_S)
        except psutil.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
    program.has_ended(LOST)

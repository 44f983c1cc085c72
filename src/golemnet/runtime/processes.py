"""Processes of a container, seen from the host: their streams, their beginning and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from golemnet.runtime.families import kill_family

KILL_TIMEOUT_S = 5.0
LOOK_S = 0.002
BUFFER_BYTES = 64 * 1024


class HostProcess:
    """The host's process that stands for a command (``crun exec``, ``bwrap``).

    Args:
        process: started with pipes for stdout and stderr.
        exited: set when it has ended, though others may hold its outputs open.
        pid_file: where the id of the command itself is written, when it is a process of its own;
            killing ``crun exec`` alone would leave the command running.
        is_family: whether its descendants have to be killed with it: a sandbox that is being set up does
            not die with its parent yet.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        exited: asyncio.Event,
        pid_file: Path | None = None,
        *,
        is_family: bool = False,
    ) -> None:
        self._process = process
        self._exited = exited
        self._pid_file = pid_file
        self._is_family = is_family

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        pid_file: Path | None = None,
        *,
        is_family: bool = False,
        pass_fds: Sequence[int] = (),
    ) -> HostProcess:
        """Start ``command`` without input; it inherits the open files ``pass_fds``."""
        loop = asyncio.get_running_loop()
        transport, streams = await loop.subprocess_exec(
            lambda: _Streams(loop), *command, stdin=asyncio.subprocess.DEVNULL, pass_fds=pass_fds
        )
        process = asyncio.subprocess.Process(transport, streams, loop)
        return cls(process, streams.exited, pid_file, is_family=is_family)

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What it writes to its standard output."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> asyncio.StreamReader:
        """What it writes to its standard error."""
        assert self._process.stderr is not None
        return self._process.stderr

    @property
    def pid(self) -> int:
        """The host's number of it."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """The exit code; 128 + signal number when a signal ended it."""
        await self._exited.wait()
        code = self._process.returncode or 0
        return code if code >= 0 else 128 - code

    async def kill(self) -> None:
        """End it at once; harmless when it has ended. What it has started may live on, and write."""
        if self.ended:
            return
        inner = self._inner_pid()
        if inner is not None:
            _kill(inner)
            if await has_ended(self._process.pid, KILL_TIMEOUT_S):
                return
        for process in self._kill():
            await has_ended(process, KILL_TIMEOUT_S)

    def _kill(self) -> list[int]:
        """Those who were killed."""
        if self._is_family and not self.ended:
            return kill_family(self._process.pid)
        if not self.ended:
            self._process.kill()
        return [self._process.pid]

    def _inner_pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text()) if self._pid_file else None
        except (OSError, ValueError):
            return None


class _Streams(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells when the process has ended; ``Process.wait`` waits for all who hold its outputs, too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=BUFFER_BYTES, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def has_ended(process: int, timeout_s: float) -> bool:
    """Wait for the end of a process alone: asyncio waits for that of all who hold its output, too."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), timeout_s)
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def becomes(process: int, name: str, timeout_s: float) -> bool:
    """Wait until a process runs the program ``name``; False if it ends before, or takes too long.

    The kernel tells nobody of another's exec, so this looks again and again.
    """
    deadline = time.monotonic() + timeout_s
    while (found := _program_of(process)) != name:
        if not found or time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True


def _program_of(process: int) -> str:
    """The first 15 letters of the name of the program that a process runs; empty once it has ended."""
    try:
        head, _, fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")
    except OSError:
        return ""
    return "" if fields.split()[0] in "ZX" else head.partition("(")[2]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass

"""A process of the local network: started, waited for until it says that it is ready, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.local.plan import ProcessPlan
from golemnet.ready import READY
from golemnet.runtime import kernel
from golemnet.runtime.forks import Forked, ForkServer

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 8.0
NODE_VARIABLES = ("YAGNA_", "GSB_", "GOLEM_", "SUBNET", "NODE_NAME", "DATA_DIR")
KEPT_VARIABLES = ("GOLEM_CACHE_DIR", "YAGNA_LOG_", "GOLEM_RUNTIME", "GOLEM_VM_KERNEL")
_LAST_WORDS = 1500


class Child:
    """One process after ``plan``; what it writes goes to the end of the file ``log``.

    ``forks`` starts it if its plan says that it is forked.
    """

    def __init__(self, plan: ProcessPlan, log: Path, forks: ForkServer | None = None) -> None:
        self.plan = plan
        self.ready = asyncio.Event()
        self._log = log
        self._forks = forks
        self._process: asyncio.subprocess.Process | Forked | None = None
        self._notices: asyncio.BaseTransport | None = None

    @property
    def pid(self) -> int | None:
        """Its id while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def ended(self) -> int | None:
        """The status with which it has ended; negative is the number of the signal that did it."""
        return self._process.returncode if self._process else None

    async def spawn(self, env: Mapping[str, str]) -> None:
        """Start it, with ``env`` on top of the plan's environment; ``until_ready`` must follow."""
        self.ready.clear()
        address = f"golem-local-{os.getpid()}-{self.plan.name}"
        self._notices, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Notices(self.ready), local_addr="\0" + address, family=socket.AF_UNIX
        )
        environment = {**_inherited(os.environ), **self.plan.env, **env, "NOTIFY_SOCKET": f"@{address}"}
        if self.plan.is_forked and self._forks is not None:
            self._process = await self._forks.start(self.plan.command, self._log, environment)
        else:
            self._process = await self._execute(environment)

    async def _execute(self, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        with self._log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.plan.command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_end_with_parent(os.getpid()),
            )

    async def until_ready(self) -> None:
        """Wait until it can be used.

        Raises:
            GolemError: it has ended, or does not get ready in time; the reason is the end of its log.
        """
        assert self._process is not None
        waits = {asyncio.create_task(self.ready.wait()), asyncio.create_task(self._process.wait())}
        try:
            await asyncio.wait(waits, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._close_notices()
            for wait in waits:
                wait.cancel()
        if not self.ready.is_set():
            raise self._failure(self._process.returncode)

    async def wait(self) -> int:
        """Wait until it has ended; its status."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """End it: politely first, after ``STOP_TIMEOUT_S`` by force. It is reaped when this returns."""
        self._close_notices()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _close_notices(self) -> None:
        if self._notices is not None:
            self._notices.close()
            self._notices = None

    def _failure(self, status: int | None) -> GolemError:
        what = "is not ready" if status is None else f"has ended with status {status}"
        return GolemError(
            f"{self.plan.name} {what}.", why=_end_of(self._log), next_step=f"Its whole log is {self._log}"
        )


class _Notices(asyncio.DatagramProtocol):
    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready

    def datagram_received(self, data: bytes, addr: object) -> None:
        if READY in data.splitlines():
            self._ready.set()


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_WORDS))
        return file.read().decode(errors="replace").strip()


def _end_with_parent(parent: int) -> Callable[[], None]:
    """What the child does first: ask the kernel to end it when the supervisor dies in any manner."""

    def prepare() -> None:
        kernel.die_with_parent(signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What is not about a node: the shell of a user may be set up for another network."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(KEPT_VARIABLES) or not name.startswith(NODE_VARIABLES)
    }

"""The programs on the lab's machines, and the test's own door to them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from lab import INTERNET_IP, Machine

from golemnet.rest.client import Client
from golemnet.rest.identity import PeerEntry, PingEntry
from golemnet.testing.nodes import APP_KEY
from golemnet.testing.processes import LOOK_EVERY_S, ProgramProcess

PROGRAMS = Path(sys.executable).parent
API_URL = "http://127.0.0.1:7465"
STEP_S = 30.0
LOOK_S = 0.05
GFTP_URL = re.compile(r"gftp://\S+")


class MachineProgram(ProgramProcess):
    """A program on a machine of the lab, from ready to ended."""

    def __init__(
        self, machine: Machine, directory: Path, *command: str, environment: Mapping[str, str] | None = None
    ) -> None:
        program, *arguments = command
        self.machine = machine
        super().__init__(
            directory,
            machine.command(str(PROGRAMS / program), *arguments),
            {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **(environment or {})},
        )

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        # An abstract address, as elsewhere, would be of one network namespace alone.
        with (
            tempfile.TemporaryDirectory(prefix="ready-") as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices,
        ):
            notices.bind(f"{folder}/socket")
            notices.settimeout(LOOK_EVERY_S)
            self._process = self._start(
                {**os.environ, **self._environment, "NOTIFY_SOCKET": f"{folder}/socket"}
            )
            self._await_ready(notices)
        return self

    def run(self, program: str, *arguments: str) -> str:
        """Run another program beside it, in the same environment; its output."""
        done = subprocess.run(
            self.machine.command(str(PROGRAMS / program), *arguments),
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            timeout=STEP_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Bootstrap(MachineProgram):
    """``golem bootstrap run``, with its relay or without."""

    def __init__(self, machine: Machine, directory: Path, *options: str) -> None:
        host = ("--public-host", machine.ip)
        super().__init__(machine, directory, "golem", "bootstrap", "run", str(directory), *host, *options)

    @property
    def address(self) -> str:
        """What others join by."""
        found = re.search(r"GOLEM_NET_BOOTSTRAP=(\S+)", self.log)
        assert found, self.log
        return found[1]


class Daemon(MachineProgram):
    """``yagna service run`` that joins by ``bootstrap``."""

    def __init__(
        self, machine: Machine, directory: Path, bootstrap: str, environment: Mapping[str, str] | None = None
    ) -> None:
        settings = {
            "YAGNA_DATADIR": str(directory),
            "YAGNA_AUTOCONF_APPKEY": APP_KEY,
            "YAGNA_LOG_LEVEL": "debug",
            "GOLEM_NET_BOOTSTRAP": bootstrap,
            **(environment or {}),
        }
        super().__init__(machine, directory, "yagna", "service", "run", environment=settings)

    def owner(self) -> Client:
        """The door to it; a unix socket is on every machine of the lab."""
        return Client.local(self.directory / "yagna.sock")

    async def node_id(self) -> str:
        """Its node id."""
        async with self.owner() as client:
            return (await client.identity.net_status()).node_id

    async def ping(self, other: Daemon, timeout_s: float = STEP_S) -> float:
        """Milliseconds to ``other`` and back; waits until it can be reached."""
        found: list[float] = []

        async def has_answered() -> bool:
            entry = await self._ping(other)
            found.extend([] if entry.round_trip_ms is None else [entry.round_trip_ms])
            return bool(found)

        await until(has_answered, timeout_s, "an answer")
        return found[0]

    async def reaches(self, other: Daemon) -> bool:
        """Whether ``other`` answers now."""
        return (await self._ping(other)).error is None

    async def _ping(self, other: Daemon) -> PingEntry:
        async with self.owner() as client:
            [entry] = await client.identity.net_ping(await other.node_id())
            return entry

    async def peer(self, other: Daemon) -> PeerEntry | None:
        """The session with ``other``."""
        node = await other.node_id()
        async with self.owner() as client:
            return next((peer for peer in await client.identity.net_peers() if peer.node_id == node), None)

    async def path_becomes(self, other: Daemon, path: str | None, timeout_s: float = STEP_S) -> None:
        """Wait until the session with ``other`` is ``direct`` or ``relayed``; None: until there is none."""

        async def is_so() -> bool:
            peer = await self.peer(other)
            return (peer.path if peer else None) == path

        await until(is_so, timeout_s, f"path {path}")

    async def is_direct(self, other: Daemon, address: str) -> bool:
        """Whether what goes to ``other`` goes to an address that begins so."""
        peer = await self.peer(other)
        return peer is not None and peer.path == "direct" and peer.address.startswith(address)

    @asynccontextmanager
    async def gftp(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """``gftp`` beside the daemon; it is ended afterwards."""
        process = await asyncio.create_subprocess_exec(
            *self.machine.command(str(PROGRAMS / "gftp"), *arguments),
            env={**os.environ, "YAGNA_API_URL": API_URL, "YAGNA_APPKEY": APP_KEY},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    @asynccontextmanager
    async def publishing(self, file: Path) -> AsyncIterator[str]:
        """Share ``file``; its URL."""
        async with self.gftp("publish", str(file)) as process:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), STEP_S)
            found = GFTP_URL.search(line.decode())
            assert found, line
            yield found[0]

    async def download(self, url: str, target: Path, timeout_s: float = STEP_S) -> None:
        """Fetch a shared file."""
        async with self.gftp("download", url, str(target)) as process:
            out, _ = await asyncio.wait_for(process.communicate(), timeout_s)
            assert process.returncode == 0, out.decode()


async def until(
    is_so: Callable[[], bool] | Callable[[], Awaitable[bool]], timeout_s: float, what: str
) -> None:
    """Ask until it is so: of another process, nothing wakes us."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = is_so()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < deadline, f"no {what} in {timeout_s:g} s"
        await asyncio.sleep(LOOK_S)


def random_file(folder: Path, size: int) -> Path:
    """A file that cannot be compressed or guessed."""
    file = folder / "random.bin"
    file.write_bytes(os.urandom(size))
    return file


def same(one: Path, other: Path) -> bool:
    """Whether both have the same content."""
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (one, other)}
    return len(digests) == 1


async def exchange(one: Daemon, other: Daemon, folder: Path, size: int = 300_000) -> None:
    """A file goes from one to the other, and a question back."""
    file, target = random_file(folder, size), folder / "fetched.bin"
    async with one.publishing(file) as url:
        await other.download(url, target, 2 * STEP_S)
    assert same(file, target)
    await other.ping(one)


RELAY_URL = f"http://{INTERNET_IP}:7464"

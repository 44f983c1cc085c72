"""The interface of all drivers: one object is one activity's environment, from deploy to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Protocol

import msgspec


class Isolation(StrEnum):
    """How strong the wall between payload and machine is; published in offers."""

    HARDWARE = "hardware"
    CONTAINER = "container"
    USER_CONTAINER = "user-container"
    EMULATED = "emulated"


class Image(msgspec.Struct, frozen=True):
    """An image on this machine: a file that begins with a squashfs, and what its metadata says.

    ``user`` is ``uid[:gid]``, numeric, empty for root. ``volumes`` are absolute paths inside. ``files`` are
    shown to commands in the place of the image's own, by absolute path; they cannot be changed. ``unpacked``
    is where a driver may keep the image's files for all activities (``unpacked.py``).
    """

    path: Path
    env: Mapping[str, str] = {}
    user: str = ""
    work_dir: str = ""
    volumes: Sequence[str] = ()
    files: Mapping[str, bytes] = {}
    unpacked: Path | None = None

    def write_files(self, folder: Path) -> dict[str, Path]:
        """Write ``files`` into a folder that payloads cannot change: where each of them is on the host."""
        written = {path: folder / f"file-{number}" for number, path in enumerate(self.files)}
        for path, file in written.items():
            file.write_bytes(self.files[path])
            file.chmod(0o444)
        return written


class Limits(msgspec.Struct, frozen=True):
    """What an activity may use; sizes in bytes, ``cpu_cores`` in cores (fractions allowed)."""

    memory_bytes: int = 512 * 1024**2
    storage_bytes: int = 2 * 1024**3
    cpu_cores: float = 1.0
    processes: int = 1024


class Volume(msgspec.Struct, frozen=True):
    """A writable folder of the environment and where the host finds it.

    ``owner`` is the (user id, group id) on the host that new files must get so that the payload owns them.
    """

    path: str
    directory: Path
    owner: tuple[int, int]


class Usage(msgspec.Struct, frozen=True):
    """What was used since deploy; of storage, the most that was seen beside the image."""

    cpu_sec: float
    memory_peak_bytes: int
    storage_peak_bytes: int = 0


class Process(Protocol):
    """A command that runs inside; its output streams must be read or it may block."""

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What it writes to its standard output."""
        ...

    @property
    def stderr(self) -> asyncio.StreamReader:
        """What it writes to its standard error."""
        ...

    async def wait(self) -> int:
        """The exit code; 128 + signal number when a signal ended it."""
        ...

    async def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        ...


class Network(Protocol):
    """The network that all commands of an environment share; see ``NetworkNamespace``."""

    async def open_tun(self, name: str, address: IPv4Interface, mtu: int) -> int:
        """Put the environment into a network where it has ``address``: reading gives packets that it sends
        there, writing delivers one. It does not block."""
        ...

    async def open_servers(
        self, own: IPv4Interface, places: Sequence[tuple[str, int]]
    ) -> tuple[socket.socket, list[socket.socket]]:
        """Make a range of addresses lead to us: a UDP socket at port 53 of ``own``, and TCP sockets that
        listen at ``places`` of the range (``0.0.0.0`` for all of it)."""
        ...

    async def open_sockets(self, count: int) -> list[socket.socket]:
        """TCP sockets that reach what ``open_servers`` has opened."""
        ...


class Driver(Protocol):
    """An isolated environment. Every method raises ``RuntimeFailure`` with a reason for people."""

    name: str
    isolation: Isolation

    async def deploy(self, image: Image, limits: Limits, env: Mapping[str, str]) -> Sequence[Volume]:
        """Mount the image and prepare the volumes; ``env`` is added to the image's own."""
        ...

    async def start(self) -> None:
        """Bring the environment up, so that commands can run."""
        ...

    async def run(self, command: str, arguments: Sequence[str]) -> Process:
        """Start a command inside, given as an absolute path or a name to find in PATH."""
        ...

    async def network_namespace(self) -> Network:
        """The network that all commands share from now on, for the caller to put something into it.

        Call it after ``start``, before the first ``run``; the driver closes it at ``stop``.
        """
        ...

    async def usage(self) -> Usage:
        """What was used until now; works until ``stop``."""
        ...

    async def room(self) -> int:
        """How many bytes may still be written to its files; works between ``deploy`` and ``stop``."""
        ...

    async def stop(self) -> None:
        """Kill everything inside and remove every trace. Safe to repeat and in any state."""
        ...

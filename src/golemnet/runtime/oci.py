"""Containers by crun or runc: own user namespace, no capabilities, seccomp, limits, no network.

One container lives as long as the activity; each command enters it by ``exec``. It must run in a
cage (``golemnet.runtime.cage``), which makes mounts and processes die with their owner.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import msgspec

from golemnet.runtime import cage, cgroups, commands, oci_spec, programs, thrashing
from golemnet.runtime.driver import Image, Isolation, Limits, Usage, Volume
from golemnet.runtime.environment_folder import EnvironmentFolder, Marker
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.processes import HostProcess, becomes
from golemnet.runtime.sealed import sealed
from golemnet.runtime.storage import Storage

DEFAULT_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
START_ATTEMPTS = 2
UP_TIMEOUT_S = 5.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class OciDriver:
    """A container by the OCI runtime ``name`` (crun or runc) in the folder ``work_dir``."""

    isolation = Isolation.CONTAINER

    def __init__(self, name: str, container: str, work_dir: Path) -> None:
        if not _NAME.fullmatch(container):
            raise ValueError(f"{container!r} does not serve as the name of a container")
        self.name = name
        self._program = sealed(commands.find(name, name))
        self._container = container
        self._folder = EnvironmentFolder(work_dir, Marker(name, container))
        self._stage = cage.STAGE / container
        # what a killed owner of the same folder may have left
        shutil.rmtree(work_dir / "state", ignore_errors=True)
        self._storage = Storage(work_dir / "storage.ext4", self._stage)
        self._numbers = count()
        self._running: list[HostProcess] = []
        self._started = False
        self._network: NetworkNamespace | None = None
        self._last_usage = Usage(cpu_sec=0.0, memory_peak_bytes=0)
        self._memory_bytes = 0
        self._watching: asyncio.Task[None] | None = None

    async def deploy(self, image: Image, limits: Limits, env: Mapping[str, str]) -> Sequence[Volume]:
        """Mount the image and write the container's configuration."""
        self._user = _user_of(image)
        self._env = {**DEFAULT_ENV, **image.env, **env}
        self._work_dir = image.work_dir or "/"
        self._memory_bytes = limits.memory_bytes
        await self._storage.mount(image.path, limits.storage_bytes)
        volumes = self._storage.make_volumes(image, self._user)
        self._write_bundle(image, limits, volumes)
        return volumes

    def _write_bundle(self, image: Image, limits: Limits, volumes: Sequence[Volume]) -> None:
        base = self._folder.path
        machine = platform.machine()
        pause_file = self._stage / "pause"
        pause_file.write_bytes(programs.pause_program(machine))
        pause_file.chmod(0o555)
        files = image.write_files(self._stage)
        container = oci_spec.Container(
            self._container, self._storage.root, pause_file, volumes, limits, machine, files
        )
        (base / "config.json").write_bytes(msgspec.json.encode(oci_spec.configuration(container)))

    async def start(self) -> None:
        """Create the container; its first process only waits."""
        base = self._folder.path
        files = ("--bundle", str(base), "--pid-file", str(base / "init.pid"))
        self._started = True
        for _ in range(START_ATTEMPTS):
            await commands.check(
                *self._command("run", "-d", *files, self._container), doing="The container did not start"
            )
            if await self._comes_up():
                return
            await commands.attempt(self._command("delete", "-f", self._container))
            self._reap()
        raise RuntimeFailure("The container's first process dies at once.")

    async def _comes_up(self) -> bool:
        """Whether the container can be entered. The runtime returns when it has let go of the first process,
        which for a moment goes on setting itself up; its namespaces cannot be joined yet then."""
        try:
            first = int((self._folder.path / "init.pid").read_text())
        except (OSError, ValueError):
            return False
        return await becomes(first, Path(oci_spec.PAUSE_PATH).name, UP_TIMEOUT_S)

    async def run(self, command: str, arguments: Sequence[str]) -> HostProcess:
        """Start ``command`` in the container."""
        number = next(self._numbers)
        specification, pid_file = (self._folder.path / f"exec-{number}.{end}" for end in ("json", "pid"))
        process = oci_spec.process([command, *arguments], self._env, self._work_dir, self._user)
        specification.write_bytes(msgspec.json.encode(process))
        entering = ("exec", "--process", str(specification), "--pid-file", str(pid_file), self._container)
        started = await HostProcess.start(self._command(*entering), pid_file)
        self._running = [process for process in self._running if not process.ended] + [started]
        self._look_after_it()
        return started

    def _look_after_it(self) -> None:
        if self._watching is None or self._watching.done():
            watching = thrashing.watch(self._container, self._memory_bytes, self._is_busy)
            self._watching = asyncio.create_task(watching)

    def _is_busy(self) -> bool:
        return any(not process.ended for process in self._running)

    async def network_namespace(self) -> NetworkNamespace:
        """The container's own, as its first process has it."""
        if self._network is None:
            first = int((self._folder.path / "init.pid").read_text())
            self._network = await NetworkNamespace.of(first)
        return self._network

    async def usage(self) -> Usage:
        """CPU time and peak memory of everything in the container, and its disk."""
        measured = cgroups.read_usage(self._container) or self._last_usage
        stored = max(self._last_usage.storage_peak_bytes, self._storage.used())
        self._last_usage = msgspec.structs.replace(measured, storage_peak_bytes=stored)
        return self._last_usage

    async def room(self) -> int:
        """What is free on the activity's disk."""
        return self._storage.room()

    async def stop(self) -> None:
        """Kill everything inside, unmount, remove the folder."""
        if self._network is not None:
            self._network.close()
        if self._watching is not None:
            self._watching.cancel()
        if self._started:
            await self.usage()
            await commands.attempt(self._command("delete", "-f", self._container))
            self._reap()
        for process in self._running:
            await process.kill()
        self._started = False
        await asyncio.to_thread(self._remove)

    def _reap(self) -> None:
        """The container's first process is a child of the cage's first process: us."""
        try:
            os.waitpid(int((self._folder.path / "init.pid").read_text()), os.WNOHANG)
        except (OSError, ValueError):
            pass

    def _remove(self) -> None:
        cgroups.remove(self._container)
        # the folder that crun has made in the place of the version 2 half, which is the cage's own
        shutil.rmtree(cgroups.ROOT / cgroups.UNIFIED / cgroups.PARENT / self._container, ignore_errors=True)
        self._storage.unmount()
        shutil.rmtree(self._stage, ignore_errors=True)
        shutil.rmtree(self._folder.path, ignore_errors=True)
        self._folder.release()

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (self._program, "--root", str(self._folder.path / "state"), *arguments)


def _user_of(image: Image) -> oci_spec.User:
    try:
        return oci_spec.parse_user(image.user)
    except ValueError as error:
        raise RuntimeFailure(
            f"The image asks for the user {image.user!r}.",
            why=f"Only numeric ids are understood ({error}).",
            next_step="Build the image with gvmkit-build, which writes numeric ids.",
        ) from error

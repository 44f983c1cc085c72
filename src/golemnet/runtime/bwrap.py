"""Sandboxes by bubblewrap for a provider who is not root: own user namespace, seccomp, no network.

Each command is a sandbox of its own over one unpacked root folder, so files persist between commands
and background processes do not. There are no control groups without root: memory is bounded by
resource limits a process, storage by the size of single files, and CPU is counted, not bounded.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from golemnet.runtime import bpf, commands
from golemnet.runtime.driver import Image, Isolation, Limits, Usage, Volume
from golemnet.runtime.environment_folder import EnvironmentFolder, Marker
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.oci_spec import parse_user
from golemnet.runtime.processes import HostProcess

DEFAULT_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
UNPACK_TIMEOUT_S = 600.0


class BwrapDriver:
    """Sandboxed commands over an image that is unpacked in ``work_dir``."""

    name = "bwrap"
    isolation = Isolation.USER_CONTAINER

    def __init__(self, container: str, work_dir: Path) -> None:
        self._bwrap = commands.find("bwrap", "bubblewrap")
        self._prlimit = commands.find("prlimit", "util-linux")
        self._folder = EnvironmentFolder(work_dir, Marker(self.name, container))
        self._running: list[HostProcess] = []
        self._cpu_before = _children_cpu()

    async def deploy(self, image: Image, limits: Limits, env: Mapping[str, str]) -> Sequence[Volume]:
        """Unpack the image and make its volumes."""
        self._user = parse_user(image.user)
        self._env = {**DEFAULT_ENV, **image.env, **env}
        self._work_dir = image.work_dir or "/"
        self._limits = limits
        await self._unpack(image.path)
        self._filter = self._folder.path / "seccomp.bpf"
        self._filter.write_bytes(bpf.compiled(platform.machine()))
        self._volumes = [self._make_volume(number, path) for number, path in enumerate(image.volumes)]
        return self._volumes

    async def _unpack(self, image: Path) -> None:
        program = commands.find("unsquashfs", "squashfs-tools")
        options = ("-q", "-n", "-no-xattrs", "-ignore-errors", "-d", str(self._folder.path / "root"))
        code, output = await commands.attempt((program, *options, str(image)), timeout_s=UNPACK_TIMEOUT_S)
        # 2 stands for what a plain user cannot do: owners and device files
        if code not in (0, 2):
            raise RuntimeFailure(f"The image {image.name} cannot be unpacked.", why=output.strip()[-2000:])

    def _make_volume(self, number: int, path: str) -> Volume:
        folder = self._folder.path / "volumes" / f"vol-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        return Volume(path, folder, (os.getuid(), os.getgid()))

    async def start(self) -> None:
        """Nothing lives between commands; this runs none."""

    async def run(self, command: str, arguments: Sequence[str]) -> HostProcess:
        """Start ``command`` in a new sandbox over the same files."""
        pipe = asyncio.subprocess.PIPE
        with self._filter.open("rb") as rules:
            line = [*self._limiting(), *self._sandbox(rules.fileno()), "--", command, *arguments]
            process = await asyncio.create_subprocess_exec(
                *line, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, pass_fds=[rules.fileno()]
            )
        started = HostProcess(process)
        self._running = [process for process in self._running if not process.ended] + [started]
        return started

    def _limiting(self) -> list[str]:
        limits = self._limits
        return [
            self._prlimit,
            f"--data={limits.memory_bytes}",
            f"--fsize={limits.storage_bytes}",
            "--core=0",
        ]

    def _sandbox(self, rules: int) -> list[str]:
        options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
        options += ["--bind", str(self._folder.path / "root"), "/", "--proc", "/proc", "--dev", "/dev"]
        for volume in self._volumes:
            options += ["--bind", str(volume.directory), volume.path]
        for name, value in self._env.items():
            options += ["--setenv", name, value]
        ids = ["--uid", str(self._user.uid), "--gid", str(self._user.gid), "--hostname", "golem"]
        return [self._bwrap, *options, *ids, "--chdir", self._work_dir, "--seccomp", str(rules)]

    async def usage(self) -> Usage:
        """CPU time of the commands that have ended, and the largest memory of a single process."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Usage(cpu_sec=_children_cpu() - self._cpu_before, memory_peak_bytes=used.ru_maxrss * 1024)

    async def stop(self) -> None:
        """Kill what runs and remove the files."""
        for process in self._running:
            await process.kill()
        await asyncio.to_thread(shutil.rmtree, self._folder.path, ignore_errors=True)
        self._folder.release()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""Sandboxes by bubblewrap for a provider who is not root: own user namespace, seccomp, no network.

Each command is a sandbox of its own over one root folder, so files persist between commands
and background processes do not. There are no control groups without root: the kernel bounds the number
of processes and what each of them takes, and pins all of them to as many processors as are granted;
memory and disk of the whole are bounded by a watch that ends what uses too much.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from golemnet.runtime import bpf, commands, families, seccomp
from golemnet.runtime.driver import Image, Isolation, Limits, Usage, Volume
from golemnet.runtime.environment_folder import EnvironmentFolder, Marker
from golemnet.runtime.errors import StorageFull
from golemnet.runtime.namespaces import count_processes, entering
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.oci_spec import parse_user
from golemnet.runtime.orphans import Orphans
from golemnet.runtime.processes import HostProcess
from golemnet.runtime.processors import some_processors
from golemnet.runtime.removal import remove_tree
from golemnet.runtime.root_folder import RootFolder
from golemnet.runtime.watch import Watch

DEFAULT_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
OPEN_FILES = 4096
COUNT_FOR_S = 2.0


class BwrapDriver:
    """Sandboxed commands over an image; what they write is in ``work_dir``."""

    name = "bwrap"
    isolation = Isolation.USER_CONTAINER

    def __init__(self, container: str, work_dir: Path) -> None:
        self._bwrap = commands.find("bwrap", "bubblewrap")
        self._prlimit = commands.find("prlimit", "util-linux")
        self._taskset = commands.find("taskset", "util-linux")
        self._folder = EnvironmentFolder(work_dir, Marker(self.name, container))
        self._root, self._writable = RootFolder(work_dir), work_dir / "volumes"
        self._running: list[HostProcess] = []
        self._orphans = Orphans()
        self._cpu_before = _children_cpu()
        self._network: NetworkNamespace | None = None
        self._watch: Watch | None = None
        self._watching: asyncio.Task[None] | None = None

    async def deploy(self, image: Image, limits: Limits, env: Mapping[str, str]) -> Sequence[Volume]:
        """Make the root folder and the volumes."""
        self._user = parse_user(image.user)
        self._env = {**DEFAULT_ENV, **image.env, **env}
        self._work_dir = image.work_dir or "/"
        self._limits = limits
        self._processors = some_processors(limits.cpu_cores)
        self._filter = self._folder.path / "seccomp.bpf"
        compiling = asyncio.to_thread(bpf.compiled, platform.machine(), seccomp.UNCOUNTED)
        # each takes more than 10 ms, in a process and in a library
        _, rules = await asyncio.gather(self._root.make(image), compiling)
        # what others will use, too, is not this one's to pay
        self._cpu_before = _children_cpu()
        self._filter.write_bytes(rules)
        self._volumes = [self._make_volume(number, path) for number, path in enumerate(image.volumes)]
        self._files = image.write_files(self._folder.path)
        self._watch = Watch(limits, [self._root.written, self._writable])
        await asyncio.to_thread(self._watch.begin)
        return self._volumes

    def _make_volume(self, number: int, path: str) -> Volume:
        folder = self._writable / f"vol-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        return Volume(path, folder, (os.getuid(), os.getgid()))

    async def start(self) -> None:
        """Nothing lives between commands; this runs none."""

    async def run(self, command: str, arguments: Sequence[str]) -> HostProcess:
        """Start ``command`` in a new sandbox over the same files."""
        if self._watch is not None and self._watch.is_spoiled:
            raise StorageFull("The commands before have written far more than the agreement grants.")
        self._orphans.bury()
        with self._filter.open("rb") as rules:
            inside = entering(self._namespaces) if self._namespaces else []
            sandbox = [*inside, *self._limiting(), *self._sandbox(rules.fileno())]
            line = [*sandbox, "--", command, *arguments]
            started = await HostProcess.start(line, is_family=True, pass_fds=(rules.fileno(),))
        self._running = [process for process in self._running if not process.ended] + [started]
        self._look_after_it()
        return started

    @property
    def _namespaces(self) -> Mapping[str, int]:
        """Where the files are, and the network; both belong to one user namespace, if there is any."""
        return {**self._root.namespaces, **(self._network.namespaces if self._network else {})}

    def _look_after_it(self) -> None:
        if self._watch is not None and (self._watching is None or self._watching.done()):
            self._watching = asyncio.create_task(self._watch.run(self._leaders, self._kill))

    def _leaders(self) -> list[int]:
        return [process.pid for process in self._running if not process.ended]

    async def _kill(self) -> None:
        for process in self._running:
            await process.kill()

    def _limiting(self) -> list[str]:
        """The kernel counts processes by user: those of the user's own are added to what is granted,
        unless this activity is in a namespace in which there are no others."""
        limits = self._limits
        is_alone = count_processes() and self._namespaces
        others = 0 if is_alone else _threads_of_user(os.getuid(), int(time.monotonic() / COUNT_FOR_S))
        return [
            *(self._taskset, "-c", ",".join(str(number) for number in self._processors)),
            self._prlimit,
            f"--nproc={others + limits.processes}",
            f"--nofile={OPEN_FILES}",
            f"--data={limits.memory_bytes}",
            f"--fsize={limits.storage_bytes}",
            "--core=0",
        ]

    def _sandbox(self, rules: int) -> list[str]:
        options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
        if self._network is not None:
            options += ["--share-net"]
        options += ["--bind", str(self._root.path), "/", "--proc", "/proc", "--dev", "/dev"]
        # file systems in memory are nobody's: a small one for shared memory, and none beside it
        options += [
            "--size",
            str(self._limits.memory_bytes // 2),
            "--tmpfs",
            "/dev/shm",
            "--remount-ro",
            "/dev",
        ]
        for volume in self._volumes:
            options += ["--bind", str(volume.directory), volume.path]
        for target, source in self._files.items():
            options += ["--ro-bind", str(source), target]
        for name, value in self._env.items():
            options += ["--setenv", name, value]
        ids = ["--uid", str(self._user.uid), "--gid", str(self._user.gid), "--hostname", "golem"]
        return [self._bwrap, *options, *ids, "--chdir", self._work_dir, "--seccomp", str(rules)]

    async def network_namespace(self) -> NetworkNamespace:
        """One that is made now, and that the sandboxes of later commands share."""
        if self._network is None:
            self._network = await NetworkNamespace.make(self._root.namespaces.get("user"))
        return self._network

    async def usage(self) -> Usage:
        """CPU time of the commands, and the most memory and disk that was seen."""
        leaders = self._leaders() + self._orphans.bury()
        running = [member for leader in leaders for member in families.family(leader)]
        seen, stored = (
            (self._watch.memory_peak_bytes, self._watch.storage_peak_bytes) if self._watch else (0, 0)
        )
        cpu = _children_cpu() - self._cpu_before + families.cpu_of(running)
        return Usage(cpu, max(seen, self._orphans.memory_peak_bytes), stored)

    async def room(self) -> int:
        """What of the granted disk space is not used."""
        return await asyncio.to_thread(self._watch.room) if self._watch else 0

    async def stop(self) -> None:
        """Kill what runs and remove the files."""
        await self._kill()
        if self._watching is not None:
            self._watching.cancel()
        if self._network is not None:
            self._network.close()
        await self._root.close()
        await asyncio.to_thread(remove_tree, self._folder.path)
        self._folder.release()


@lru_cache(maxsize=1)
def _threads_of_user(user: int, _moment: int) -> int:
    """Counted anew each moment: it takes longer than starting a sandbox."""
    return families.threads_of_user(user)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

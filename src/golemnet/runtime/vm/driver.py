"""Virtual machines by QEMU: each activity has its own kernel, by KVM or, if the owner wants it, emulated.

The image is a read-only disk; all that commands write beside it goes to another, whose size is the limit.
Volumes are folders of the host, shared with the guest by 9p. Limits of memory, processors and processes are
set by the guest's kernel for the commands, and by ours for the machine as a whole.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from golemnet.runtime import cage, commands, families, kernel
from golemnet.runtime.driver import Image, Isolation, Limits, Usage, Volume
from golemnet.runtime.environment_folder import EnvironmentFolder, Marker
from golemnet.runtime.errors import NoRuntime, RuntimeFailure, StorageFull
from golemnet.runtime.oci_spec import FIRST_HOST_ID, User, parse_user
from golemnet.runtime.processes import has_ended
from golemnet.runtime.processors import some_processors
from golemnet.runtime.removal import remove_tree
from golemnet.runtime.sealed import sealed, sealed_file
from golemnet.runtime.storage import MIN_STORAGE_BYTES
from golemnet.runtime.vm import enter
from golemnet.runtime.vm.guest import SLOTS, Guest, first_files
from golemnet.runtime.vm.guest_network import GuestNetwork
from golemnet.runtime.vm.kernels import Kernel, find_kernel
from golemnet.runtime.vm.link import GuestProcess, Link
from golemnet.runtime.vm.machine import KERNEL_MEMORY_BYTES, KVM, Machine, Tools, command_line
from golemnet.runtime.watch import Watch

DEFAULT_ENV: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
BOOT_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
QEMU_MEMORY_BYTES: Final = 512 * 1024**2
"""What QEMU itself may take."""
_EXT4 = ("-q", "-F", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,nodiscard")


class VmDriver:
    """A virtual machine for one activity in the folder ``work_dir``; ``emulated`` ones need no KVM."""

    def __init__(self, container: str, work_dir: Path, *, emulated: bool) -> None:
        self.name = "vm-emulated" if emulated else "vm"
        self.isolation = Isolation.EMULATED if emulated else Isolation.HARDWARE
        self._accelerator = "tcg" if emulated else "kvm"
        self._tools, self._kernel = self.require(emulated=emulated)
        self._folder = EnvironmentFolder(work_dir, Marker(self.name, container))
        self._stage = cage.STAGE / container if os.geteuid() == 0 else None
        self._volumes_folder, self._disk = work_dir / "volumes", work_dir / "disk"
        self._link: Link | None = None
        self._network: GuestNetwork | None = None
        self._machine: asyncio.subprocess.Process | None = None
        self._watch: Watch | None = None
        self._watching: asyncio.Task[None] | None = None
        self._last_usage = Usage(cpu_sec=0.0, memory_peak_bytes=0)

    @staticmethod
    def require(*, emulated: bool) -> tuple[Tools, Kernel]:
        """What a machine is made of. Raises NoRuntime if it is seen without trying that there can be none."""
        if platform.machine() != "x86_64":
            raise NoRuntime("Virtual machines are for x86-64 only.")
        if not emulated:
            _require_kvm()
        return _tools(), find_kernel()

    async def deploy(self, image: Image, limits: Limits, env: Mapping[str, str]) -> Sequence[Volume]:
        """Make the disk and the volumes."""
        self._image, self._limits = image, limits
        self._user = parse_user(image.user)
        self._env = {**DEFAULT_ENV, **image.env, **env}
        self._volumes_folder.mkdir(exist_ok=True)
        self._disk.mkdir(exist_ok=True)
        owner = (FIRST_HOST_ID, FIRST_HOST_ID) if self._stage else (os.getuid(), os.getgid())
        volumes = [self._make_volume(number, path, owner) for number, path in enumerate(image.volumes)]
        await self._make_disk(max(limits.storage_bytes, MIN_STORAGE_BYTES))
        memory_bytes = limits.memory_bytes + KERNEL_MEMORY_BYTES + QEMU_MEMORY_BYTES
        whole = msgspec.structs.replace(limits, memory_bytes=memory_bytes)
        self._watch = Watch(whole, [self._volumes_folder, self._disk])
        await asyncio.to_thread(self._watch.begin)
        return volumes

    def _make_volume(self, number: int, path: str, owner: tuple[int, int]) -> Volume:
        folder = self._volumes_folder / f"vol-{number}"
        folder.mkdir()
        os.chown(folder, *owner)
        return Volume(path, folder, owner)

    async def _make_disk(self, size: int) -> None:
        file = self._disk / "disk.ext4"
        with file.open("wb") as sparse:
            sparse.truncate(size)
        await commands.check(commands.find("mkfs.ext4", "e2fsprogs"), *_EXT4, str(file))

    async def start(self) -> None:
        """Boot the machine."""
        self._link = Link(SLOTS)
        self._network = GuestNetwork(self._link)
        with ExitStack() as files:
            machine = self._described(files, self._link.guest_ends, self._network.guest_end)
            console = files.enter_context((self._disk / "console").open("wb"))
            self._machine = await asyncio.create_subprocess_exec(
                *command_line(machine, self._tools),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=machine.files,
            )
        await self._link.open()
        await self._network.open()
        await self._comes_up(self._link)
        self._watching = asyncio.create_task(self._look_after_it())

    def _described(self, files: ExitStack, ports: Sequence[int], wire: int) -> Machine:
        given = self._image
        guest = Guest(self._user, given.work_dir or "/", given.volumes, self._limits, given.files)
        image = files.enter_context(given.path.open("rb"))
        disk = [files.enter_context((self._disk / "disk.ext4").open(mode)) for mode in ("rb", "r+b")]
        first = sealed_file("first-files", first_files(self._kernel, guest))
        files.callback(os.close, first)
        return Machine(
            accelerator=self._accelerator,
            limits=self._limits,
            kernel=int(sealed(str(self._kernel.file)).rpartition("/")[2]),
            first_files=first,
            image=image.fileno(),
            disk=[file.fileno() for file in disk],
            ports=ports,
            wire=wire,
            volumes=self._reachable(self._volumes_folder),
            user=self._user,
            host_user=User(FIRST_HOST_ID, FIRST_HOST_ID) if self._stage else None,
            processors=some_processors(self._limits.cpu_cores),
            device_group=_group_of_kvm() if self.isolation is Isolation.HARDWARE else None,
        )

    def _reachable(self, folder: Path) -> Path:
        """The folder where a user without rights can reach it: what is above may be root's alone."""
        if self._stage is None:
            return folder
        self._stage.mkdir(mode=0o755)
        kernel.mount(str(folder), str(self._stage), "none", kernel.MS_BIND)
        return self._stage

    async def _comes_up(self, link: Link) -> None:
        if not await link.comes_up(BOOT_TIMEOUT_S):
            text = (self._disk / "console").read_bytes()[-1000:].decode("utf-8", "replace")
            raise RuntimeFailure(
                "The virtual machine did not come up.", why=text.strip() or "It said nothing."
            )

    async def _look_after_it(self) -> None:
        assert self._watch is not None
        await self._watch.run(self._leaders, self._end_commands)

    def _leaders(self) -> list[int]:
        machine = self._machine
        return [machine.pid] if machine is not None and machine.returncode is None else []

    async def _end_commands(self) -> None:
        if self._link is not None:
            self._link.orders.say("end")

    async def run(self, command: str, arguments: Sequence[str]) -> GuestProcess:
        """Start ``command`` in the machine."""
        if self._link is None or not self._leaders():
            raise RuntimeFailure("The virtual machine has ended.")
        if self._watch is not None and self._watch.is_spoiled:
            raise StorageFull("The commands before have written far more than the agreement grants.")
        return await self._link.run(enter.arguments(command, arguments, self._env))

    async def network_namespace(self) -> GuestNetwork:
        """The guest's own, by its wire."""
        if self._network is None:
            raise RuntimeFailure("The virtual machine has not started.")
        return self._network

    async def usage(self) -> Usage:
        """Processor time of the machine as our kernel counts it, memory of commands as the guest's does."""
        if self._link is not None and self._watch is not None and (leaders := self._leaders()):
            members = [member for leader in leaders for member in families.family(leader)]
            answer = await self._link.ask("usage")
            peak = int(answer[1]) if len(answer) == 2 and answer[1].isdecimal() else 0
            before = self._last_usage
            self._last_usage = Usage(
                max(before.cpu_sec, families.cpu_of(members)),
                max(before.memory_peak_bytes, min(peak, self._limits.memory_bytes)),
                self._watch.storage_peak_bytes,
            )
        return self._last_usage

    async def room(self) -> int:
        """What of the granted disk space is not used."""
        return await asyncio.to_thread(self._watch.room) if self._watch else 0

    async def stop(self) -> None:
        """Switch the machine off and remove the files."""
        await self.usage()
        if self._watching is not None:
            self._watching.cancel()
        if self._machine is not None:
            for process in families.kill_family(self._machine.pid) if self._leaders() else []:
                await has_ended(process, STOP_TIMEOUT_S)
            await self._machine.wait()
        if self._network is not None:
            await self._network.close()
        if self._link is not None:
            self._link.close()
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        if self._stage is not None and self._stage.exists():
            kernel.unmount(str(self._stage))
            self._stage.rmdir()
        remove_tree(self._folder.path)
        self._folder.release()


def _require_kvm() -> None:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if not flags & {"vmx", "svm"} or not os.access(KVM, os.R_OK | os.W_OK):
        raise NoRuntime(
            "This machine cannot run virtual machines by KVM.",
            why=f"Its processor does not offer it, or {KVM} cannot be opened.",
        )


def _group_of_kvm() -> int | None:
    """The group that may use the device where others may not, as udev has it."""
    device = KVM.stat()
    return device.st_gid if device.st_mode & 0o066 == 0o060 else None


def _tools() -> Tools:
    return Tools(
        qemu=commands.find("qemu-system-x86_64", "qemu-system-x86"),
        bwrap=commands.find("bwrap", "bubblewrap"),
        env=commands.find("env", "coreutils"),
        prlimit=commands.find("prlimit", "util-linux"),
        setpriv=commands.find("setpriv", "util-linux"),
        taskset=commands.find("taskset", "util-linux"),
    )

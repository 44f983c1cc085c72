"""What a virtual machine begins with: its first file system, with everything that is ours in the guest."""

from __future__ import annotations

import platform
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from golemnet.runtime import commands, programs
from golemnet.runtime.driver import Limits
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.oci_spec import CPU_PERIOD_US, User
from golemnet.runtime.vm import cpio, enter
from golemnet.runtime.vm.kernels import Kernel, modules_of

SLOTS: Final = 8
"""How many commands may run at once."""
ROOT: Final = "/root"
_FOLDERS = (
    "bin",
    "dev",
    "disk",
    "files",
    "group",
    "image",
    "modules",
    "proc",
    "root",
    "run",
    "sys",
    "volumes",
)
_APPLETS = (
    *("cat", "env", "hostname", "insmod", "ip", "ln", "mkdir", "mkfifo", "mknod", "mount"),
    *("nsenter", "ping", "poweroff", "readlink", "rm", "sh", "unshare", "usleep"),
)


class Guest(msgspec.Struct, frozen=True):
    """What the commands of a machine will find."""

    user: User
    folder: str
    volumes: Sequence[str]
    limits: Limits
    files: Mapping[str, bytes] = {}


def first_files(kernel: Kernel, guest: Guest) -> bytes:
    """The first file system for a machine with ``kernel``. Raises NoRuntime if something of it is missing."""
    return cpio.archive(_entries(kernel, guest))


def _entries(kernel: Kernel, guest: Guest) -> Iterator[cpio.Entry]:
    yield from (cpio.folder(name) for name in _FOLDERS)
    yield cpio.Entry("bin/busybox", _busybox())
    yield from (cpio.link(f"bin/{name}", "busybox") for name in _APPLETS)
    yield cpio.Entry("init", Path(__file__).with_name("init.sh").read_bytes())
    yield cpio.Entry("settings", _settings(guest).encode())
    yield cpio.Entry("pause", programs.pause_program(platform.machine()))
    yield cpio.Entry(enter.PATH.lstrip("/"), enter.program(ROOT, guest.folder, guest.user))
    for number, content in enumerate(guest.files.values()):
        yield cpio.Entry(f"files/{number}", content, stat.S_IFREG | 0o444)
    for number, module in enumerate(modules_of(kernel)):
        yield cpio.Entry(f"modules/{number:02}.ko", module)


def _settings(guest: Guest) -> str:
    limits = guest.limits
    lines = (
        f"SLOTS={SLOTS} MEMORY={limits.memory_bytes} SHARED={limits.memory_bytes // 2}",
        f"PROCESSES={limits.processes} CPU='{int(limits.cpu_cores * CPU_PERIOD_US)} {CPU_PERIOD_US}'",
        f"FILES={shlex.quote(' '.join(guest.files))}",
        f"set -- {shlex.join(guest.volumes)}",
    )
    return "\n".join(lines) + "\n"


def _busybox() -> bytes:
    program = Path(commands.find("busybox", "busybox-static")).read_bytes()
    if b"/ld-linux" in program[:4096]:
        raise NoRuntime(
            "The busybox of this machine needs libraries.",
            next_step="Install the static one: busybox-static.",
        )
    return program

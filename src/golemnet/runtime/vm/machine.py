"""The command line of a virtual machine, in a sandbox of its own. Pure.

QEMU is a large program that reads what strangers write, and under emulation it is the only wall. So it
runs as a user without rights, in namespaces that hold nothing but the system's programs and the activity's
volumes; all else it gets as open files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from golemnet.runtime.driver import Limits
from golemnet.runtime.oci_spec import User
from golemnet.runtime.vm.wire import GUEST

KERNEL_MEMORY_BYTES: Final = 160 * 1024**2
"""What the guest's kernel and its first files take, beside what the agreement grants."""
OPEN_FILES: Final = 4096
KVM: Final = Path("/dev/kvm")
_COMMAND_LINE = "quiet console=ttyS0 panic=-1"
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


class Tools(msgspec.Struct, frozen=True):
    """Paths of the host's programs."""

    qemu: str
    bwrap: str
    env: str
    prlimit: str
    setpriv: str
    taskset: str


class Machine(msgspec.Struct, frozen=True):
    """What a machine is made of.

    ``kernel``, ``first_files``, ``image``, ``disk`` (open to be read, and to be written), ``ports`` and
    ``wire`` are open files. ``host_user`` is whom QEMU runs as, None for who starts it, and ``device_group``
    who may use KVM beside root; ``user`` is whom the guest sees as the owner of what is in ``volumes``.
    """

    accelerator: str
    limits: Limits
    kernel: int
    first_files: int
    image: int
    disk: Sequence[int]
    ports: Sequence[int]
    wire: int
    volumes: Path
    user: User
    host_user: User | None
    processors: Sequence[int]
    device_group: int | None = None

    @property
    def files(self) -> tuple[int, ...]:
        """All that it has to inherit."""
        return (self.kernel, self.first_files, self.image, *self.disk, *self.ports, self.wire)


def command_line(machine: Machine, tools: Tools) -> list[str]:
    """From the host's program that sets its limits, to QEMU's last option."""
    return [*_limiting(machine, tools), *_sandbox(machine, tools), tools.qemu, *_options(machine)]


def _limiting(machine: Machine, tools: Tools) -> list[str]:
    user, group = machine.host_user, machine.device_group
    groups = "--clear-groups" if group is None else f"--groups={group}"
    become = [tools.setpriv, f"--reuid={user.uid}", f"--regid={user.gid}", groups] if user else []
    return [
        *(tools.taskset, "-c", ",".join(str(number) for number in machine.processors)),
        *(tools.prlimit, f"--fsize={machine.limits.storage_bytes}", f"--nofile={OPEN_FILES}", "--core=0"),
        # a file that becomes too large is an error for who writes it, not the end of the machine
        *(tools.env, "--ignore-signal=XFSZ"),
        *become,
    ]


def _sandbox(machine: Machine, tools: Tools) -> list[str]:
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    options += ["--uid", str(machine.user.uid), "--gid", str(machine.user.gid)]
    options += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64"):
        options += ["--symlink", f"usr/{name}", f"/{name}"]
    if machine.accelerator == "kvm":
        options += ["--dev-bind", str(KVM), str(KVM)]
    return [tools.bwrap, *options, "--bind", str(machine.volumes), "/volumes", "--chdir", "/", "--"]


def _options(machine: Machine) -> list[str]:
    limits = machine.limits
    memory_mib = (limits.memory_bytes + KERNEL_MEMORY_BYTES) // 1024**2
    return [
        *("-machine", f"q35,accel={machine.accelerator}"),
        *("-cpu", "host" if machine.accelerator == "kvm" else "max"),
        *("-m", str(memory_mib), "-smp", str(max(1, math.ceil(limits.cpu_cores)))),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"),
        *("-sandbox", _SANDBOX),
        *("-kernel", f"/proc/self/fd/{machine.kernel}", "-initrd", f"/proc/self/fd/{machine.first_files}"),
        *("-append", _COMMAND_LINE),
        *_drive("image", 1, [machine.image], "on"),
        *_drive("disk", 2, machine.disk, "off"),
        *("-fsdev", "local,id=volumes,path=/volumes,security_model=none"),
        *("-device", "virtio-9p-pci,fsdev=volumes,mount_tag=volumes"),
        *("-netdev", f"socket,id=wire,fd={machine.wire}"),
        *("-device", f"virtio-net-pci,netdev=wire,mac={GUEST.hex(':')},romfile="),
        *("-device", "virtio-serial-pci,max_ports=31"),
        *(word for number, port in enumerate(machine.ports, 1) for word in _port(number, port)),
    ]


def _drive(name: str, number: int, files: Sequence[int], read_only: str) -> list[str]:
    """QEMU chooses from the set of open files the one that is open as it wants it."""
    drive = f"id={name},if=none,format=raw,readonly={read_only},file.locking=off,file=/dev/fdset/{number}"
    return [
        *(word for file in files for word in ("-add-fd", f"fd={file},set={number}")),
        *("-drive", drive, "-device", f"virtio-blk-pci,drive={name}"),
    ]


def _port(number: int, socket: int) -> list[str]:
    return [
        *("-chardev", f"socket,id=port{number},fd={socket}"),
        *("-device", f"virtserialport,chardev=port{number},nr={number}"),
    ]

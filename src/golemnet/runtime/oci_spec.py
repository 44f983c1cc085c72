"""The configuration of a hardened container, as the OCI runtime specification 1.0 wants it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from golemnet.runtime import seccomp
from golemnet.runtime.driver import Limits, Volume

PAUSE_PATH: Final = "/.golem-pause"
FIRST_HOST_ID: Final = 100_000
ID_COUNT: Final = 65_536
CPU_PERIOD_US: Final = 100_000
OPEN_FILES: Final = 16_384

_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "user", "cgroup")
_MASKED = (
    "acpi",
    "asound",
    "kcore",
    "keys",
    "latency_stats",
    "timer_list",
    "timer_stats",
    "sched_debug",
    "scsi",
)
_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")


class User(msgspec.Struct, frozen=True):
    """Ids inside the container."""

    uid: int = 0
    gid: int = 0


class Container(msgspec.Struct, frozen=True):
    """What a configuration is made of; paths are of the host, but those by which ``files`` are found."""

    name: str
    root: Path
    pause: Path
    volumes: Sequence[Volume]
    limits: Limits
    architecture: str
    files: Mapping[str, Path] = {}


def parse_user(text: str) -> User:
    """``uid``, ``uid:gid`` or nothing (root). Raises ValueError for names and ids that are not mapped."""
    uid, _, gid = text.partition(":")
    user = User(int(uid or 0), int(gid or 0))
    if not (0 <= user.uid < ID_COUNT and 0 <= user.gid < ID_COUNT):
        raise ValueError(f"user id {text} is not below {ID_COUNT}")
    return user


def process(arguments: Sequence[str], env: Mapping[str, str], work_dir: str, user: User) -> dict[str, Any]:
    """A ``process`` object: no capability, no new privileges, in ``work_dir``.

    It must be given to every ``exec``, or crun drops ``noNewPrivileges`` and the working folder.
    """
    return {
        "terminal": False,
        "user": {"uid": user.uid, "gid": user.gid},
        "args": list(arguments),
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": work_dir,
        "noNewPrivileges": True,
        "capabilities": {
            kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")
        },
        "rlimits": [
            {"type": "RLIMIT_NOFILE", "soft": OPEN_FILES, "hard": OPEN_FILES},
            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        ],
    }


def configuration(container: Container) -> dict[str, Any]:
    """The whole ``config.json``."""
    return {
        "ociVersion": "1.0.0",
        "hostname": "golem",
        "root": {"path": str(container.root), "readonly": False},
        "process": process([PAUSE_PATH], {}, "/", User()),
        "mounts": _mounts(container),
        "linux": {
            "namespaces": [{"type": kind} for kind in _NAMESPACES],
            "uidMappings": [_mapping()],
            "gidMappings": [_mapping()],
            "cgroupsPath": f"/golem/{container.name}",
            "resources": _resources(container.limits),
            "seccomp": seccomp.profile(container.architecture),
            "maskedPaths": [
                *(f"/proc/{name}" for name in _MASKED),
                "/sys/firmware",
                "/sys/devices/virtual/powercap",
            ],
            "readonlyPaths": [f"/proc/{name}" for name in _READ_ONLY],
        },
    }


def _mapping() -> dict[str, int]:
    return {"containerID": 0, "hostID": FIRST_HOST_ID, "size": ID_COUNT}


def _resources(limits: Limits) -> dict[str, Any]:
    return {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": limits.memory_bytes, "swap": limits.memory_bytes},
        "cpu": {"quota": max(1000, int(limits.cpu_cores * CPU_PERIOD_US)), "period": CPU_PERIOD_US},
        "pids": {"limit": limits.processes},
    }


def _mounts(container: Container) -> list[dict[str, Any]]:
    quiet = ["nosuid", "noexec", "nodev"]
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    shared_size = f"size={container.limits.memory_bytes // 2}"
    return [
        _mount("/proc", "proc", "proc", quiet),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", terminals),
        _mount("/dev/shm", "tmpfs", "shm", [*quiet, "mode=1777", shared_size]),
        _mount("/dev/mqueue", "mqueue", "mqueue", quiet),
        _mount("/sys", "sysfs", "sysfs", [*quiet, "ro"]),
        _mount(PAUSE_PATH, "bind", str(container.pause), ["bind", "ro", "nosuid", "nodev"]),
        *(
            _mount(volume.path, "bind", str(volume.directory), ["bind", "rw", "nosuid", "nodev"])
            for volume in container.volumes
        ),
        *(
            _mount(target, "bind", str(source), ["bind", "ro", "nosuid", "nodev", "noexec"])
            for target, source in container.files.items()
        ),
    ]


def _mount(target: str, kind: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": options}

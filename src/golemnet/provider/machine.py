"""What this machine has to offer."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import msgspec

GIB = 1024**3
# What the daemon, the agent and the system keep for themselves.
RESERVED_MEMORY_GIB = 1.0
STORAGE_SHARE = 0.8
# Memory and disk are sold in tenths of a GiB.
LEAST_GIB = 0.1
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Resources of a machine; what an activity may use of them is at most this."""

    architecture: str
    cores: int
    threads: int
    memory_gib: float
    storage_gib: float
    vendor: str = ""
    brand: str = ""
    capabilities: list[str] = msgspec.field(default_factory=list[str])


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the owner allows to be sold; None is "all that the machine can spare"."""

    threads: int | None = None
    memory_gib: float | None = None
    storage_gib: float | None = None


def this_machine(storage: Path) -> Machine:
    """The machine that we run on; ``storage`` is a folder on the disk that activities write to."""
    facts = _cpu_facts(Path("/proc/cpuinfo"))
    threads = len(os.sched_getaffinity(0))
    return Machine(
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        cores=min(int(facts.get("cpu cores", threads)), threads),
        threads=threads,
        memory_gib=_memory_bytes() / GIB,
        storage_gib=shutil.disk_usage(storage).free / GIB,
        vendor=facts.get("vendor_id", ""),
        brand=facts.get("model name", ""),
        capabilities=facts.get("flags", "").split()[:200],
    )


def sold(machine: Machine, limits: Limits, shares: int = 1) -> Machine:
    """The part of ``machine`` that ``limits`` let be sold to each of ``shares`` requestors at once."""
    spare = max(machine.memory_gib - RESERVED_MEMORY_GIB, machine.memory_gib / 2)
    memory = min(limits.memory_gib or spare, machine.memory_gib)
    storage = min(limits.storage_gib or machine.storage_gib * STORAGE_SHARE, machine.storage_gib)
    threads = max(1, min(limits.threads or machine.threads, machine.threads) // shares)
    return msgspec.structs.replace(
        machine,
        cores=min(machine.cores, threads),
        threads=threads,
        memory_gib=_rounded(memory / shares),
        storage_gib=_rounded(storage / shares),
    )


def _rounded(gib: float) -> float:
    return float(int(gib * 10) / 10)


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu_facts(path: Path) -> dict[str, str]:
    """The facts of the first processor in a ``/proc/cpuinfo``."""
    if not path.exists():
        return {}
    first = path.read_text(errors="replace").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}

"""Control groups of containers, version 1 and 2: where they are, what they measured, removing them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from golemnet.runtime.driver import Usage

ROOT = Path("/sys/fs/cgroup")
UNIFIED = "unified"
PARENT = "golem"
REMOVAL_TIMEOUT_S = 2.0
LOOK_S = 0.005


def is_hybrid(root: Path = ROOT) -> bool:
    """Whether version 1 controllers and a version 2 tree are mounted side by side."""
    return (root / UNIFIED / "cgroup.procs").exists() and not (root / "cgroup.controllers").exists()


def is_unified(root: Path = ROOT) -> bool:
    """Whether the tree is version 2 only."""
    return (root / "cgroup.controllers").exists()


def groups_of(container: str, root: Path = ROOT) -> list[Path]:
    """Every folder that stands for the container's group: one in version 2, one a controller in 1."""
    if is_unified(root):
        candidates = [root / PARENT / container]
    else:
        controllers = [folder for folder in sorted(root.glob("*/")) if folder.name != UNIFIED]
        candidates = [controller / PARENT / container for controller in controllers]
    return [folder for folder in candidates if folder.is_dir()]


def read_usage(container: str, root: Path = ROOT) -> Usage | None:
    """CPU seconds and peak memory of the group, or None when it does not exist (any more)."""
    try:
        return (
            _unified_usage(root / PARENT / container) if is_unified(root) else _split_usage(container, root)
        )
    except (OSError, ValueError):
        return None


def _unified_usage(group: Path) -> Usage:
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    peak = group / "memory.peak"
    memory = peak if peak.exists() else group / "memory.current"
    return Usage(cpu_sec=int(stat["usage_usec"]) / 1e6, memory_peak_bytes=int(memory.read_text()))


def _split_usage(container: str, root: Path) -> Usage:
    cpu = int((root / "cpuacct" / PARENT / container / "cpuacct.usage").read_text())
    memory = int((root / "memory" / PARENT / container / "memory.max_usage_in_bytes").read_text())
    return Usage(cpu_sec=cpu / 1e9, memory_peak_bytes=memory)


def memory_group(container: str, root: Path = ROOT) -> Path:
    """The folder of the container's group that has its memory."""
    return (root if is_unified(root) else root / "memory") / PARENT / container


def members(container: str, root: Path = ROOT) -> list[int]:
    """The processes in the container's group."""
    return _members(memory_group(container, root))


def was_out_of_memory(container: str, root: Path = ROOT) -> bool:
    """Whether the kernel has killed something in the group for want of memory."""
    file = "memory.events" if is_unified(root) else "memory.oom_control"
    try:
        text = (memory_group(container, root) / file).read_text()
    except OSError:
        return False
    counts = dict(line.split() for line in text.splitlines())
    return int(counts.get("oom_kill", 0)) > 0


def remove(container: str, root: Path = ROOT, timeout_s: float = REMOVAL_TIMEOUT_S) -> None:
    """Kill what is left in the container's groups and remove them; what is gone is fine.

    A process that is killed leaves its group a moment later: this tries for ``timeout_s``, and blocks.
    """
    deadline = time.monotonic() + timeout_s
    while groups := groups_of(container, root):
        for group in groups:
            _remove(group)
        if time.monotonic() > deadline:
            return
        time.sleep(LOOK_S)


def _remove(group: Path) -> None:
    _kill_members(group)
    try:
        group.rmdir()
    except OSError:
        pass


def _kill_members(group: Path) -> None:
    for process in _members(group):
        _kill(process)


def _members(group: Path) -> list[int]:
    """Those that have a number here: the others are of another pid namespace."""
    try:
        found = [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []
    return [process for process in found if process > 0]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass

"""Removing what the processes of a local network left when their supervisor was killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

from golemnet.local.layout import Layout
from golemnet.runtime.clean_up import clean_up

STOP_TIMEOUT_S = 8.0


class Trace(msgspec.Struct, frozen=True):
    """A process that was started: its id and its time of start (s), which tell it from any later one."""

    pid: int
    started: float


def note_processes(layout: Layout, pids: Iterable[int]) -> None:
    """Write down which processes are ours, for whoever cleans up if we cannot."""
    traces = [trace for pid in pids if (trace := _trace(pid))]
    part = layout.processes_file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(traces))
    os.replace(part, layout.processes_file)


def remove_leftovers(layout: Layout) -> None:
    """End processes of a supervisor that died, and remove the containers and mounts of dead ExeUnits."""
    _end([process for trace in _read(layout.processes_file) if (process := _find(trace))])
    layout.processes_file.unlink(missing_ok=True)
    for agent in layout.directory.glob("provider-*/agent"):
        clean_up(agent)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=STOP_TIMEOUT_S)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)


def _read(path: Path) -> list[Trace]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Trace])
    except (FileNotFoundError, msgspec.DecodeError):
        return []


def _trace(pid: int) -> Trace | None:
    try:
        return Trace(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _find(trace: Trace) -> psutil.Process | None:
    try:
        process = psutil.Process(trace.pid)
        return process if abs(process.create_time() - trace.started) < 0.02 else None
    except psutil.NoSuchProcess:
        return None

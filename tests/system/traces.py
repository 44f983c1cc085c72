"""What a network leaves on a machine, found by the folder that it lives in and the ids of its activities."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from golemnet.local.layout import Layout

PROC, CONTROL_GROUPS, LOOP_DEVICES = Path("/proc"), Path("/sys/fs/cgroup"), Path("/sys/block")
STAGES = Path("/run/golem")
KINDS = ("processes", "mounts", "loop devices", "control groups", "files")
LOOK_S = 0.05

Traces = dict[str, set[str]]


@dataclass
class Ground:
    """The folder of everything that one test starts; other networks of the machine do not matter.

    ``note`` must be called while a network is up: its containers are known by ids that go with its data.
    """

    folder: Path
    containers: set[str] = field(default_factory=set[str])

    def note(self, layout: Layout) -> None:
        """Remember the containers that the network has had until now."""
        logs = layout.directory.glob("provider-*/agent/exe-unit/logs/*.log")
        self.containers |= {f"golem-{log.stem}" for log in logs}

    def traces(self) -> Traces:
        """All that there is now, by kind; kinds of which there is nothing are not named."""
        found = {
            "processes": set(self._processes()),
            "mounts": set(self._mounts()),
            "loop devices": set(self._loop_devices()),
            "control groups": set(self._control_groups()),
            "files": set(self._files()),
        }
        return {kind: names for kind, names in found.items() if names}

    def traces_left(self, timeout_s: float) -> Traces:
        """What does not go away in time: the kernel undoes mounts after the process that made them."""
        deadline = time.monotonic() + timeout_s
        while (found := self.traces()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        return found

    def _processes(self) -> Iterator[str]:
        """By arguments and environment; a container has others, but its control group has a name of ours."""
        for process in _processes():
            facts = {name: _read(process / name) for name in ("cmdline", "environ", "cgroup")}
            if any(self._is_ours(text) for text in facts.values()):
                yield f"{process.name} {facts['cmdline'].replace(chr(0), ' ')}"

    def _mounts(self) -> Iterator[str]:
        """In every mount namespace: those of containers are private."""
        for process in _processes():
            yield from (line for line in _read(process / "mountinfo").splitlines() if self._is_ours(line))

    def _loop_devices(self) -> Iterator[str]:
        for device in LOOP_DEVICES.glob("loop*/loop/backing_file"):
            file = _read(device)
            if self._is_ours(file):
                yield f"{device.parts[3]} {file.strip()}"

    def _control_groups(self) -> Iterator[str]:
        for parent, groups, _ in os.walk(CONTROL_GROUPS):
            yield from (f"{parent}/{group}" for group in groups if group in self.containers)

    def _files(self) -> Iterator[str]:
        yield from (str(path) for path in self.folder.iterdir())
        yield from (str(path) for path in STAGES.glob("*") if path.name in self.containers)

    def _is_ours(self, text: str) -> bool:
        return str(self.folder) in text or any(container in text for container in self.containers)


def _processes() -> list[Path]:
    return [path for path in PROC.iterdir() if path.name.isdecimal()]


def _read(path: Path) -> str:
    """The file's text; empty if it has gone with its process."""
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""

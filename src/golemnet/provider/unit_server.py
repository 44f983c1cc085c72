"""The server that an agent has its ExeUnits forked from."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from golemnet.runtime.forks import ForkServer


class Process(Protocol):
    """The process of an ExeUnit."""

    @property
    def pid(self) -> int:
        """Its id, and that of its process group."""
        ...

    @property
    def returncode(self) -> int | None:
        """None while it lives; a negative one is the number of the signal that has ended it."""
        ...

    async def wait(self) -> int:
        """Its status, once it has ended."""
        ...


class Starter(Protocol):
    """Starts the processes of ExeUnits."""

    async def start(self, arguments: Sequence[str], output: Path) -> Process:
        """A new process; what it writes is added to ``output``. Raises OSError."""
        ...


class UnitServer(ForkServer):
    """A ``Starter``; its processes are ``exe-unit``.

    Args:
        directory: where the units work; on the command line, for those who look at the list of processes.
        environment: what the units find in their environment, besides the agent's.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        command = (sys.executable, "-m", "golemnet.cli.exe_unit", "--serve", str(directory))
        super().__init__(command, environment)

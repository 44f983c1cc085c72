"""Finding the processes of a network, to kill one of them."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from network import DemoNetwork

from golemnet.local import control
from golemnet.local.layout import Layout
from golemnet.local.messages import Request
from golemnet.local.plan import agent_name
from golemnet.runtime.processes import has_ended

EXE_UNIT = "golemnet.cli.exe_unit"
FIRST_PROCESS = ".golem-pause"
YOUNG_S = 0.7
LOOK_S = 0.02


@dataclass(frozen=True)
class Workplace:
    """A provider whose container runs a task's command.

    Attributes:
        provider: the name of its node.
        server: the agent's process that exe-units are forked from.
        guard: the exe-unit's process that it has forked.
        exe_unit: the process in the cage, which does the work.
        container: the container's first process.
        command: what the task runs.
    """

    provider: str
    server: psutil.Process
    guard: psutil.Process
    exe_unit: psutil.Process
    container: psutil.Process
    command: psutil.Process

    @property
    def agent(self) -> str:
        """The name of its provider agent's process."""
        return agent_name(self.provider)


async def busy_workplace(
    network: DemoNetwork, command: str, timeout_s: float, young_s: float = YOUNG_S
) -> Workplace:
    """A workplace where ``command`` is not older than ``young_s``, as many end soon; waits for one."""
    async with asyncio.timeout(timeout_s):
        while True:
            for workplace in _workplaces(network.layout, command, young_s):
                return workplace
            await asyncio.sleep(LOOK_S)


async def process_of(network: DemoNetwork, name: str) -> psutil.Process:
    """The process that the network's supervisor calls ``name``."""
    state = await control.ask(network.layout, Request("state"))
    assert state is not None
    (pid,) = [each.pid for each in state.processes if each.name == name]
    assert pid is not None, f"{name} does not run"
    return psutil.Process(pid)


async def restart(network: DemoNetwork, name: str) -> None:
    """Have the supervisor start the process ``name`` anew, on the same data; it is ready on return."""
    await control.ask(network.layout, Request("restart", name))


async def gone(process: psutil.Process, timeout_s: float) -> None:
    """Wait until the process has ended, whoever reaps it."""
    assert await has_ended(process.pid, timeout_s)


def _workplaces(layout: Layout, command: str, young_s: float) -> Iterator[Workplace]:
    children = _children()
    for server, guard in _units(layout, children):
        inside = [each for exe_unit in children[guard.pid] for each in _below(exe_unit, children)]
        found = {each.info["name"]: each for each in inside}
        if FIRST_PROCESS in found and command in found and _age_s(found[command]) < young_s:
            provider = _provider(guard, layout)
            yield Workplace(provider, server, guard, inside[0], found[FIRST_PROCESS], found[command])


def exe_units(layout: Layout) -> list[int]:
    """The ids of the exe-units of this network that live."""
    return [guard.pid for _, guard in _units(layout, _children())]


def _units(
    layout: Layout, children: dict[int, list[psutil.Process]]
) -> list[tuple[psutil.Process, psutil.Process]]:
    """The servers of this network, each with each of the exe-units that it has forked."""
    everything = [each for family in children.values() for each in family]
    servers = [each for each in everything if _is_server(each, layout)]
    forked = {each.pid for server in servers for each in children[server.pid]}
    return [(server, each) for server in servers if server.pid not in forked for each in children[server.pid]]


def _children() -> dict[int, list[psutil.Process]]:
    """All processes of the machine, by the id of the parent."""
    children = defaultdict[int, list[psutil.Process]](list)
    for process in psutil.process_iter(["name", "ppid", "cmdline"]):
        children[process.info["ppid"]].append(process)
    return children


def _below(process: psutil.Process, children: dict[int, list[psutil.Process]]) -> Iterator[psutil.Process]:
    yield process
    for child in children[process.pid]:
        yield from _below(child, children)


def _is_server(process: psutil.Process, layout: Layout) -> bool:
    """Whether exe-units of this network are forked from it; they have its command line as well."""
    arguments = process.info["cmdline"] or []
    return EXE_UNIT in arguments and layout.directory in Path(arguments[-1]).parents


def _provider(process: psutil.Process, layout: Layout) -> str:
    """The provider of an exe-unit's process."""
    return Path(process.info["cmdline"][-1]).relative_to(layout.directory).parts[0]


def _age_s(process: psutil.Process) -> float:
    """How long it has lived; for ever if it has ended."""
    try:
        return time.time() - process.create_time()
    except psutil.NoSuchProcess:
        return math.inf

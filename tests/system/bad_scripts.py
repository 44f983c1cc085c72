"""Scripts and commands that cannot succeed: how they end, what they say, and what they have cost."""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from network import DemoNetwork, demo_network

from golemnet.local import control
from golemnet.local.child import Child
from golemnet.local.messages import Request
from golemnet.local.plan import ProcessPlan
from golemnet.local.ports import free_ports
from golemnet.rest.client import Client

BAD_RUN = Path(__file__).parent / "scripts" / "bad_run.py"
PROGRAMS = Path(sys.executable).parent
PROVIDERS, SUBNET = 3, "demo-1"
SCREEN_ROWS, SCREEN_COLUMNS = 24, 80
ALL_ROWS, ALL_COLUMNS = 50, 120
STEP_S = 40.0
OVER = {"Terminated", "Cancelled", "Rejected", "Expired"}


@dataclass(frozen=True)
class Ended:
    """How a program has ended, after how long, and what it has printed."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def everything(self) -> str:
        """What is on the screen."""
        return self.out + self.err

    def succeeds(self) -> None:
        """It has ended well."""
        assert self.status == 0, self.everything

    def tells(self, *words: str, status: int = 1) -> None:
        """It has failed, and says these words on one screen, without a traceback."""
        assert self.status == status, self.everything
        assert "Traceback" not in self.everything, self.everything
        for word in words:
            assert word in self.everything, f"{word!r} is missing in:\n{self.everything}"
        assert rows(self.out, SCREEN_COLUMNS) <= SCREEN_ROWS, self.out
        assert rows(self.everything, ALL_COLUMNS) <= ALL_ROWS, self.everything


def rows(text: str, columns: int) -> int:
    """How many rows of a terminal a text takes."""
    return sum(max(1, math.ceil(len(line) / columns)) for line in text.splitlines())


@dataclass(frozen=True)
class Outlay:
    """What a script has come to: agreements that were signed, and the sum of their accepted invoices."""

    agreements: int
    spent: Decimal


class Desk:
    """A requestor's folder, from which scripts are run on a network.

    Args:
        network: is up.
        folder: the working directory.
        image_hash: what the scripts run unless they say otherwise.
    """

    def __init__(self, network: DemoNetwork, folder: Path, image_hash: str) -> None:
        self.network = network
        self.folder = folder
        self.image_hash = image_hash

    async def script(
        self, worker: str, *, environment: Mapping[str, str | None] | None = None, **arguments: object
    ) -> Ended:
        """Run the script with a worker of it; ``arguments`` are those of its ``main``."""
        given = json.dumps({"image_hash": self.image_hash, **arguments})
        return await self.command(sys.executable, str(BAD_RUN), worker, given, environment=environment)

    async def command(self, *command: str, environment: Mapping[str, str | None] | None = None) -> Ended:
        """Run a command in the network's environment; a variable that is None is not set."""
        variables = {**os.environ, **self.network.environment, **(environment or {})}
        return await run(
            *command, folder=self.folder, environment={k: v for k, v in variables.items() if v is not None}
        )

    async def agreements(self) -> dict[str, str | None]:
        """The requestor's agreements and their states."""
        async with self.network.requestor() as requestor:
            return {each.id: each.state for each in await requestor.market.list_agreements()}

    async def outlay(self, before: Mapping[str, str | None]) -> Outlay:
        """What was bought since; nothing is reserved, demanded or agreed on any more."""
        async with self.network.requestor() as requestor:
            assert await requestor.payment.get_allocations() == []
            assert await requestor.market.get_demands() == []
            new = await self.agreements()
            states = {state for agreement, state in new.items() if agreement not in before}
            assert states <= OVER
            return Outlay(len(new) - len(before), await _spent(requestor, new.keys() - before.keys()))

    async def processes(self) -> Mapping[str, int | None]:
        """The ids of the network's processes."""
        state = await control.ask(self.network.layout, Request("state"))
        assert state is not None
        return {each.name: each.pid for each in state.processes}

    @asynccontextmanager
    async def further_node(self, folder: Path) -> AsyncIterator[Mapping[str, str]]:
        """Another daemon of the network, which nobody has given funds; how programs find it."""
        async with self.network.requestor() as requestor:
            neighbour = (await requestor.identity.net_status()).listen_address
        [api], [udp] = free_ports(1), free_ports(1, socket.SOCK_DGRAM)
        program = {"YAGNA_API_URL": f"http://127.0.0.1:{api}", "YAGNA_APPKEY": "f" * 32}
        daemon = {
            "YAGNA_DATADIR": str(folder),
            "YAGNA_API_URL": program["YAGNA_API_URL"],
            "YAGNA_AUTOCONF_APPKEY": program["YAGNA_APPKEY"],
            "GOLEM_NET_BIND": f"127.0.0.1:{udp}",
            "GOLEM_NET_BOOTSTRAP": neighbour,
        }
        async with self.service("yagna", "service", "run", environment=daemon):
            yield {**program, "GSB_URL": f"unix:{folder}/yagna.sock"}

    @asynccontextmanager
    async def service(self, *command: str, environment: Mapping[str, str]) -> AsyncIterator[None]:
        """A program in the network's environment, from its word that it is ready to the end of the block."""
        plan = ProcessPlan("-".join(command), "service", [str(PROGRAMS / command[0]), *command[1:]], {})
        child = Child(plan, self.folder / f"{plan.name}.log")
        await child.spawn({**self.network.environment, **environment})
        try:
            await child.until_ready()
            yield
        finally:
            await child.stop()


async def _spent(requestor: Client, agreements: set[str]) -> Decimal:
    invoices = await requestor.payment.get_invoices()
    mine = [each for each in invoices if each.agreement_id in agreements and each.status != "REJECTED"]
    return sum((each.amount for each in mine), Decimal(0))


async def run(*command: str, folder: Path, environment: Mapping[str, str]) -> Ended:
    """Run a program of this installation (or another one, by its path) to its end."""
    program = command[0] if "/" in command[0] else str(PROGRAMS / command[0])
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(program, *command[1:]),
        cwd=folder,
        env={**environment, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), STEP_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    seconds = time.monotonic() - began
    return Ended(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), seconds)


@asynccontextmanager
async def open_desk(image: Path, folder: Path) -> AsyncIterator[Desk]:
    """A network for a whole module of tests, and a requestor's folder."""
    async with demo_network(PROVIDERS, SUBNET) as network:
        yield Desk(network, folder, await network.publish(image, "tests/small"))

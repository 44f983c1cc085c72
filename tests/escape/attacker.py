"""An activity that attacks, and the register of what it does from outside its sandbox."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from golemnet.exeunit.capture import CapturePlan
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.locations import Inside, parse_location
from golemnet.exeunit.output import follow
from golemnet.exeunit.volumes import Volumes
from golemnet.runtime.driver import Driver, Image, Limits
from golemnet.runtime.errors import RuntimeFailure

PYTHON = "/usr/bin/python3"
WAIT_S = 20.0
LIMITS = Limits(memory_bytes=128 << 20, storage_bytes=64 << 20, cpu_cores=1.0, processes=64)

Way = Callable[["Siege"], Awaitable[str | None]]
WAYS: dict[str, Way] = {}


def way(attempt: Way) -> Way:
    """An attempt from outside or by exhaustion; it returns what came through."""
    WAYS[attempt.__name__] = attempt
    return attempt


class Siege:
    """One attacking activity, and how it is driven."""

    def __init__(self, driver: Driver, context: dict, neighbour: Driver | None = None) -> None:
        self.driver = driver
        self.neighbour = neighbour
        self.context = context
        self.home = Path(context["home"])

    async def deploy(self) -> None:
        self.deployed = await self.driver.deploy(image(self.context), LIMITS, {})
        self.volumes = Volumes(self.deployed)
        await self.driver.start()

    async def join_a_private_network(self) -> None:
        """Nobody else is in it. Where the machine gives none, the activity has no network at all."""
        try:
            namespace = await self.driver.network_namespace()
            self.tun = await namespace.open_tun(self.context["device"], IPv4Interface("10.5.0.2/24"), 1400)
        except RuntimeFailure as error:
            print(error, file=sys.stderr)

    async def python(self, program: str, *arguments: str) -> str:
        """What a program prints inside; empty if it is killed."""
        return await self._python(self.driver, program, arguments)

    async def neighbours_python(self, program: str, *arguments: str) -> str:
        """What a program prints that runs in the neighbour's activity."""
        assert self.neighbour is not None
        return await self._python(self.neighbour, program, arguments)

    async def _python(self, driver: Driver, program: str, arguments: Sequence[str]) -> str:
        process = await driver.run(PYTHON, ["-c", program, *arguments])
        outcome = await follow(process, CapturePlan(), CapturePlan(), lambda _name, _text: None)
        await process.kill()
        if outcome.error_tail and "Killed" not in outcome.error_tail and outcome.code not in (0, 137):
            print(outcome.error_tail, file=sys.stderr)
        return str(outcome.stdout)

    async def attempts(
        self, files: Sequence[str], context: Mapping[str, object], names: Sequence[str] = ()
    ) -> dict[str, str | None]:
        """What comes through when the last of the programs ``files`` makes its attempts inside."""
        for name in files:
            source = Path(__file__).with_name(f"{name}.py").read_bytes()
            with self.volumes.open_to_write(f"/golem/work/{name}.py") as file:
                file.write(source)
        told = json.dumps({**self.context, "memory_bytes": LIMITS.memory_bytes, **context})
        process = await self.driver.run(PYTHON, [f"/golem/work/{files[-1]}.py", told, *names])
        output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
        print(errors.decode(errors="replace"), file=sys.stderr)
        return dict(json.loads(line) for line in output.splitlines())

    async def read(self, path: str) -> str | None:
        """What a transfer out of the environment gets; None if it is refused."""
        return await asyncio.wait_for(asyncio.to_thread(self._read, path), WAIT_S)

    def _read(self, path: str) -> str | None:
        try:
            location = parse_location(f"container:{path}")
            assert isinstance(location, Inside)
            with self.volumes.open_to_read(location.path) as (file, size):
                return file.read(min(size, 100)).decode(errors="replace")
        except TransferFailed:
            return None

    async def write(self, path: str) -> bool:
        """Whether a transfer into the environment is done."""
        return await asyncio.wait_for(asyncio.to_thread(self._write, path), WAIT_S)

    def _write(self, path: str) -> bool:
        try:
            with self.volumes.open_to_write(path) as file:
                file.write(b"planted")
            return True
        except TransferFailed:
            return False


def image(context: dict) -> Image:
    return Image(Path(context["image"]), volumes=["/golem/work", "/golem/output"], unpacked=store(context))


def store(context: dict) -> Path:
    """Where the files of the image may be kept for all activities."""
    return Path(context["home"]) / "unpacked" / "image"

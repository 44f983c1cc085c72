"""Providers whose containers are folders of this machine: commands really run, nothing is bought.

The engine, its queue and the program in the container are the real ones; the daemon's doors are stand-ins.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from requestor_doors import NOW, MarketDoor, PaymentDoor, _result

from golemnet import Golem
from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.demand import DemandText
from golemnet.requestor.market import Market
from golemnet.requestor.payments import Cashier
from golemnet.requestor.strategies import DummyMS, LeastExpensiveLinearPayuMS
from golemnet.rest.errors import GatewayTimeout
from golemnet.rest.silence import Silence
from golemnet.sdk import pools
from golemnet.sdk.images import FoundImage

INSIDE = "/golem/work"


class Files:
    """What scripts share: kept by address."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.places: dict[str, Path] = {}
        self.full: Path | None = None

    async def publish(self, path: Path) -> str:
        self.places[f"file:{path}"] = path
        return f"file:{path}"

    async def publish_bytes(self, content: bytes) -> str:
        path = self._folder / f"{len(self.places)}.bytes"
        path.write_bytes(content)
        return await self.publish(path)

    async def receive(self, path: Path) -> str:
        return await self.publish(path)

    async def close(self, url: str) -> None:
        pass

    def check(self) -> None:
        if self.full is not None:
            raise GolemError("The disk of this machine is full.")


class Containers:
    """The door to activities: a folder for each.

    ``fate`` of a provider and a command is ok, lost, or an output. The others wait until ``first`` has
    run something.
    """

    def __init__(self, market: MarketDoor, files: Files, folder: Path):
        self._market, self._files, self._folder = market, files, folder
        self.fate: Callable[[str, dict], str] = lambda provider, command: "ok"
        self.first, self._begun = "", asyncio.Event()
        self.batches: list[tuple[str, list[dict]]] = []
        self.created: list[str] = []

    def runs(self) -> Iterator[tuple[str, dict]]:
        """Each command that has run: where, and what."""
        for provider, commands in self.batches:
            yield from ((provider, each["run"]) for each in commands if "run" in each)

    async def create_activity(self, agreement_id, *, timeout_s):
        self.created.append(self._market.provider_of(agreement_id))
        return f"{len(self.created) - 1}"

    async def exec(self, activity_id, commands):
        self.batches.append((self.created[int(activity_id)], commands))
        return f"{len(self.batches) - 1}"

    async def batch_results(self, activity_id, batch_id, *, timeout_s, command_index):
        provider, commands = self.batches[int(batch_id)]
        if provider == self.first:
            self._begun.set()
        elif self.first:
            await self._begun.wait()
        results: list[Any] = []
        for index, command in enumerate(commands):
            fate = self.fate(provider, command)
            if fate == "lost":
                raise GatewayTimeout("The provider does not answer.")
            code, out, err = await self._do(activity_id, command)
            if fate != "ok" and "run" in command:
                out = fate
            last = index == len(commands) - 1 or code != 0
            results.append(_result(index, "Error" if code else "Ok", stdout=out, stderr=err, last=last))
            if last:
                break
        return results

    async def destroy_activity(self, activity_id, *, timeout_s):
        self.kill(self._folder / activity_id)

    def kill(self, folder: Path) -> None:
        """End what commands have left running in a container."""
        for process in psutil.process_iter(["cmdline"]):
            if any(str(folder) in part for part in process.info["cmdline"] or ()):
                process.send_signal(signal.SIGKILL)

    async def _do(self, activity_id: str, command: dict) -> tuple[int, str, str]:
        folder = self._folder / activity_id
        [(name, body)] = command.items()
        if name == "transfer":
            source, target = (self._path(body[end], folder) for end in ("from", "to"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        if name != "run":
            return 0, "", ""
        folder.mkdir(exist_ok=True)
        arguments = [each.replace(INSIDE, str(folder)) for each in body["args"]]
        process = await asyncio.create_subprocess_exec(
            *(body["entry_point"], *arguments),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    def _path(self, address: str, folder: Path) -> Path:
        if address.startswith("container:"):
            return folder / address.removeprefix(f"container:{INSIDE}/")
        return self._files.places[address]


class ShopBuyer(Buyer):
    """A buyer whose daemon is a stand-in, and who waits for no invoices."""

    allocation_id = "allocation"

    def __init__(self, shop: Shop, emit, budget, timeout):
        super().__init__(budget=budget, timeout=timeout, strategy=DummyMS(), subnet_tag=None, emit=emit)
        self._client, self._files = shop.client, shop.files

    async def _open(self) -> None:
        self.cashier = Cashier(self._client, self._clock, self.budget, "allocation", self._emit)
        self._in_background(self.cashier.run(NOW))

    async def _finish(self) -> None:
        pass

    async def demand(self, package) -> Market:
        strategy = LeastExpensiveLinearPayuMS()
        market = Market(self._client, self._clock, DemandText({}, "()"), strategy, self._emit)
        await market.publish()
        self._markets.append(market)
        self._in_background(market.run())
        return market


class Shop:
    """Three providers, and Golems that use them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.market = MarketDoor()
        self.files = Files(folder)
        self.containers = Containers(self.market, self.files, folder / "containers")
        self.client: Any = SimpleNamespace(
            market=self.market, activity=self.containers, payment=PaymentDoor(), silence=Silence()
        )
        self.events: list[Any] = []
        self.properties: dict[str, dict[str, str]] = {}

    def golem(self, budget: float = 1000, timeout: timedelta = timedelta(minutes=1), **options: Any) -> Golem:
        for name in ("ann", "bob", "cid"):
            self.market.offer(name, **self.properties.get(name, {}))
        golem = Golem(budget, event_consumer=self.events.append, **options)
        golem._buyer = ShopBuyer(self, golem._history.hear, budget, timeout)
        return golem


@asynccontextmanager
async def open_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    async def found(name, *needs):
        return FoundImage(image_hash="0" * 56, image_url="http://nowhere")

    monkeypatch.setattr(pools, "find_image", found)
    monkeypatch.setenv("GOLEM_DATA_DIR", str(folder / "known"))
    (folder / "containers").mkdir()
    shop = Shop(folder)
    try:
        yield shop
    finally:
        shop.containers.kill(folder / "containers")
        assert not [each for each in psutil.Process(os.getpid()).children() if each.status() == "running"]

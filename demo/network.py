"""The demo's network: a local one in a folder of its own, which ends with the demo."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from golemnet.image.client import RegistryClient
from golemnet.local import control
from golemnet.local.launcher import launch, remove, take_down
from golemnet.local.layout import Layout
from golemnet.local.messages import NetworkState, Progress, Request
from golemnet.local.plan import Choices
from golemnet.local.status import Line, network_status
from golemnet.rest.client import Client


class DemoNetwork:
    """A network that is up."""

    def __init__(self, layout: Layout, environment: dict[str, str]) -> None:
        self.layout = layout
        self.environment = environment

    def requestor(self) -> Client:
        """The door to the requestor's daemon."""
        return Client(self.environment["YAGNA_API_URL"], self.environment["YAGNA_APPKEY"])

    async def publish(self, image: Path, tag: str) -> str:
        """Push ``image`` to the network's registry; its hash."""
        token = self.environment["GOLEM_REGISTRY_TOKEN"]
        async with RegistryClient(self.environment["GOLEM_REGISTRY_URL"], token) as client:
            return (await client.push(image, tag)).sha3

    async def nodes(self) -> dict[str, Line]:
        """The requestor and the providers by node id, with their balances."""
        lines = await network_status(await _state(self.layout))
        return {line.node_id: line for line in lines if line.node_id}


@asynccontextmanager
async def demo_network(providers: int, subnet: str, driver: str = "erc20") -> AsyncIterator[DemoNetwork]:
    """A fresh network; it and its data are gone afterwards, even if this process is killed."""
    layout = Layout.at(Path(tempfile.mkdtemp(prefix="golem-demo-")))
    choices = Choices(providers, subnet, os.getpid(), driver)
    try:
        await asyncio.to_thread(launch, layout, choices, _ignore)
        state = await _state(layout)
        yield DemoNetwork(layout, dict(state.environment))
    finally:
        await take_down(layout)
        remove(layout)


def _ignore(progress: Progress) -> None:
    """The demo shows one line for all of it."""


async def _state(layout: Layout) -> NetworkState:
    state = await control.ask(layout, Request("state"))
    assert state is not None
    return state

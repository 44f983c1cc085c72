"""The published OpenAPI files, and daemons to hold against them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).parent))

from deal import Sides, doors
from lived_in import LivedIn, live_in
from openapi_contract import Contract

from golemnet.testing.anvil_chain import AnvilChain
from golemnet.testing.nodes import APP_KEY, start_nodes
from golemnet.testing.processes import ChainProcess, DaemonProcess

SPECIFICATIONS = "GOLEM_SPECIFICATIONS"


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The operations of the files, which are not part of this repository."""
    beside = Path(__file__).parents[3] / "shared" / "specs"
    folder = Path(os.environ.get(SPECIFICATIONS, beside))
    if not (folder / "common.yaml").is_file():
        pytest.skip(f"no OpenAPI files in {folder}; {SPECIFICATIONS} names their folder")
    return Contract(folder)


@pytest.fixture
async def sides(contract: Contract, tmp_path: Path) -> AsyncIterator[Sides]:
    """Two daemons in this process, without a chain."""
    async with start_nodes(2, tmp_path) as nodes, doors(contract, nodes) as both:
        yield both


@pytest.fixture
async def paying_sides(contract: Contract, tmp_path: Path) -> AsyncIterator[Sides]:
    """Two daemons in this process, and a chain."""
    async with (
        AnvilChain(tmp_path / "chain") as chain,
        start_nodes(2, tmp_path, chain_file=chain.path) as nodes,
        doors(contract, nodes) as both,
    ):
        yield both


@pytest.fixture(scope="session")
def lived_in(contract: Contract, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivedIn]:
    """Two daemons as processes that have done business with each other, and know documents of every kind."""
    directory = tmp_path_factory.mktemp("lived-in")
    with ChainProcess(directory / "chain") as chain:
        settings = {"GOLEM_CHAIN_FILE": str(chain.file)}
        with (
            DaemonProcess(directory / "requestor", settings) as requestor,
            DaemonProcess(directory / "provider", {**settings, **address_of(requestor)}) as provider,
        ):
            yield asyncio.run(live_in(contract, requestor, provider))


def address_of(daemon: DaemonProcess) -> dict[str, str]:
    """The setting by which another daemon joins."""
    ask = f"{daemon.api_url}/net-api/v2/node"
    answer = requests.get(ask, headers={"Authorization": f"Bearer {APP_KEY}"}, timeout=10)
    return {"GOLEM_NET_BOOTSTRAP": answer.json()["listenAddress"]}

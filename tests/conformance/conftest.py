"""The published OpenAPI files, and daemons to hold against them."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from api_door import Door
from deal import Sides
from openapi_contract import Contract

from golemnet.daemon.node import Node
from golemnet.testing.anvil_chain import AnvilChain
from golemnet.testing.nodes import APP_KEY, start_nodes

SPECIFICATIONS = "GOLEM_SPECIFICATIONS"


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The operations of the files, which are not part of this repository."""
    beside = Path(__file__).parents[3] / "shared" / "specs"
    folder = Path(os.environ.get(SPECIFICATIONS, beside))
    if not (folder / "common.yaml").is_file():
        pytest.skip(f"no OpenAPI files in {folder}; {SPECIFICATIONS} names their folder")
    return Contract(folder, tmp_path_factory.mktemp("specifications"))


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


@asynccontextmanager
async def doors(contract: Contract, nodes: list[Node]) -> AsyncIterator[Sides]:
    async with aiohttp.ClientSession() as session:
        requestor, provider = (Door(contract, session, node.api_url, APP_KEY) for node in nodes)
        yield Sides(nodes, requestor, provider, Door(contract, session, nodes[0].api_url, ""))

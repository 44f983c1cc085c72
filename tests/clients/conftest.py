"""Published clients, a network that the tests of one module share, and the closing table."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parent))

from client_network import ClientNetwork, balances
from compatibility import MARK, Compatibility
from network import demo_network
from npm_clients import NpmClients, installed_npm_clients
from python_clients import PythonClient, installed_python_client

from golemnet.image.recipe import Kept

PROVIDERS = 2
SUBNET = "demo-1"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(client, *capabilities): what the test shows of a client")
    config.pluginmanager.register(Compatibility(), "compatibility")


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> PythonClient:
    """The client that the module's ``CLIENT`` names. The test is skipped without a registry."""
    return installed_python_client(request.module.CLIENT)


@pytest.fixture(scope="session")
def npm_clients() -> NpmClients:
    return installed_npm_clients()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(image: Kept) -> AsyncIterator[ClientNetwork]:
    async with demo_network(PROVIDERS, SUBNET) as running:
        image_hash = await running.publish(image.image, "tests/small")
        yield ClientNetwork(running, SUBNET, image_hash, await balances(running))


@pytest.fixture
def common(tmp_path: Path) -> bytes:
    """The content of ``common.bin``, which every task of a job needs."""
    content = bytes(number * number % 251 for number in range(300_000))
    (tmp_path / "common.bin").write_bytes(content)
    return content

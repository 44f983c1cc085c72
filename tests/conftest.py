"""What suites share: the small image, and a network of real processes on this machine."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator

import pytest
from images import cache_directory, small_image
from network import DemoNetwork, demo_network

from golemnet.image.errors import MissingTool
from golemnet.image.recipe import Kept, cached_image

PROVIDERS = 3
RECURSION_LIMIT = 1000  # Python's own
SUBNET = "demo-1"  # the tutorial's script names it

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has started the tests in the background; programs that they start must hear their Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _limit_of_recursion() -> None:
    """As in our programs, whatever a library has made of it that only tests use in this process."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.fixture(scope="session")
def image() -> Kept:
    """The small image: a shell and its tools."""
    try:
        return cached_image(small_image(), cache_directory())
    except MissingTool as error:
        pytest.skip(f"the small image cannot be built: {error}")


@pytest.fixture
async def network() -> AsyncIterator[DemoNetwork]:
    """A requestor and providers with containers and a chain, of this test alone."""
    async with demo_network(PROVIDERS, SUBNET) as running:
        yield running

"""A process that brings a deal to its end, from wherever the one before it was killed; for test_sigkill."""

import asyncio
import logging
import sys
from pathlib import Path

import structlog

from golemnet.model.keys import NodeKey
from golemnet.net.memory import MemoryNetwork

from .conftest import Side, World
from .deals import Deal


def side(name, world, network, directory, chain_file):
    """The requestor or the provider; the same one in each process."""
    key = NodeKey.from_bytes(bytes([len(name)]) * 32)
    made = Side(world, network, directory, chain_file, key)
    made.file = directory / f"{name}.db"
    return made


async def main(directory, chain_file, directly):
    world, network = World(), MemoryNetwork(1)
    requestor = side("requestor", world, network, directory, chain_file)
    provider = side("provider", world, network, directory, directly)
    deal = Deal(world, requestor, provider)
    async with requestor.running(), provider.running():
        await deal.work()
        await deal.check()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(main(*(Path(each) for each in sys.argv[1:])))

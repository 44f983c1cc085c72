"""Relays and nodes in this process, over real sockets."""

import asyncio
from contextlib import asynccontextmanager

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.net.iroh_network import IrohNetwork
from golemnet.net.relay.server import Relay

HOST = "127.0.0.1"
ANY = f"{HOST}:0"


@asynccontextmanager
async def running_relay(port: int = 0, **more):
    relay, ready = Relay(**more), asyncio.Event()
    task = asyncio.create_task(relay.run(HOST, port, ready))
    await asyncio.wait_for(ready.wait(), 20)
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)


def url_of(relay: Relay) -> str:
    return f"http://{HOST}:{relay.port}"


@asynccontextmanager
async def running_node(*relays: str):
    key = NodeKey.generate()
    network, ready = IrohNetwork(key, ANY, [], SystemClock(), relays), asyncio.Event()

    async def echo(caller, body):
        return body

    network.handle("echo", echo)
    task = asyncio.create_task(network.run(ready))
    await asyncio.wait_for(ready.wait(), 20)
    try:
        yield network, key
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)

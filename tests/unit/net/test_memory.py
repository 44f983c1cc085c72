"""The simulated network keeps the promises of the interface, and its faults repeat."""

import asyncio

import pytest

from golemnet.model.keys import NodeKey
from golemnet.net.errors import CallTimeout, NetError, RemoteError, StreamBroken, Unreachable
from golemnet.net.handlers import MAX_CALLS_OF_PEER
from golemnet.net.memory import Faults, MemoryNetwork


async def echo(caller, body):
    return caller.encode() + b" " + body


@pytest.fixture
async def start():
    tasks = []

    async def start_one(network, key=None):
        node = network.node(key or NodeKey.generate())
        node.handle("echo", echo)
        ready = asyncio.Event()
        tasks.append(asyncio.create_task(node.run(ready)))
        await asyncio.wait_for(ready.wait(), 20)
        return node

    yield start_one
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_calls_and_neighbours(start):
    network = MemoryNetwork()
    one = await start(network)
    seen = []
    one.on_neighbour(seen.append)
    other = await start(network)
    assert seen == one.neighbours() == [other.node_id]
    assert await one.call(other.node_id, "echo", b"x", timeout_s=1) == f"{one.node_id} x".encode()
    with pytest.raises(Unreachable):
        await one.call(NodeKey.generate().node_id, "echo", b"", timeout_s=1)


async def test_cuts_heal(start):
    network = MemoryNetwork()
    one, other = await start(network), await start(network)
    network.faults.cut(one.node_id, other.node_id)
    assert one.neighbours() == []
    with pytest.raises(Unreachable):
        await one.call(other.node_id, "echo", b"", timeout_s=1)
    network.faults.heal()
    assert await one.call(other.node_id, "echo", b"", timeout_s=1)


async def test_faults_repeat_from_their_seed(start):
    async def outcomes(seed):
        network = MemoryNetwork(seed, Faults(loss=0.3))
        one, other = await start(network), await start(network)
        found = []
        for _ in range(40):
            try:
                await one.call(other.node_id, "echo", b"", timeout_s=1)
                found.append(True)
            except NetError:
                found.append(False)
        return found

    first = await outcomes(1)
    assert first == await outcomes(1)
    assert first != await outcomes(2)
    assert {True, False} == set(first)


async def test_a_peer_cannot_ask_without_bound(start):
    network = MemoryNetwork()
    one, other = await start(network), await start(network)
    hold = asyncio.Event()

    async def wait(caller, body):
        await hold.wait()
        return b""

    other.handle("wait", wait)
    calls = [
        asyncio.create_task(one.call(other.node_id, "wait", b"", timeout_s=5))
        for _ in range(MAX_CALLS_OF_PEER + 1)
    ]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED, timeout=2)
    hold.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if isinstance(each, RemoteError)]
    assert [each.code for each in refused] == ["busy"]


async def test_a_slow_answer_is_a_timeout(start):
    network = MemoryNetwork(0, Faults(longest_delay_s=5))
    one, other = await start(network), await start(network)
    with pytest.raises(CallTimeout):
        await one.call(other.node_id, "echo", b"", timeout_s=0.01)


async def test_streams_have_back_pressure_and_break(start):
    network = MemoryNetwork()
    one, other = await start(network), await start(network)
    sent = []

    async def flood(caller, header, stream):
        while True:
            await stream.write(b"x" * 500_000)
            sent.append(1)

    other.handle_stream("flood", flood)
    stream = await one.open_stream(other.node_id, "flood", b"", timeout_s=1)
    assert len(await stream.read(100)) == 100
    await asyncio.sleep(0.02)
    assert len(sent) < 5
    await stream.abort()
    with pytest.raises(StreamBroken):
        await stream.read(1)

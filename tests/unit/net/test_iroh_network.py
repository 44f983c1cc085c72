"""The real network over real sockets, several nodes in one process."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.net import session
from golemnet.net.errors import CallTimeout, CannotListen, RemoteError, StreamBroken, Unreachable
from golemnet.net.iroh_network import IrohNetwork

ANY = "127.0.0.1:0"


async def echo(caller, body):
    return caller.encode() + b" " + body


async def _all_of(stream):
    while await stream.read(10):
        pass


@asynccontextmanager
async def running(key=None, bootstrap=(), bind=ANY):
    network = IrohNetwork(key or NodeKey.generate(), bind, list(bootstrap), SystemClock())
    network.handle("echo", echo)
    ready = asyncio.Event()
    task = asyncio.create_task(network.run(ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    try:
        yield network
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)


@pytest.fixture
async def join():
    """Starts a node; each after the first joins by it."""
    async with AsyncExitStack() as stack:
        nodes = []

        async def start(**more):
            bootstrap = [nodes[0].address()] if nodes else []
            nodes.append(await stack.enter_async_context(running(**{"bootstrap": bootstrap, **more})))
            return nodes[-1]

        yield start


async def test_the_handler_learns_who_calls(join):
    one, other = await join(), await join()
    answer = await one.call(other.node_id, "echo", b"hello", timeout_s=3)
    assert answer == f"{one.node_id} hello".encode()


async def test_nodes_that_know_only_the_first_reach_each_other(join):
    await join()
    left, right = await join(), await join()
    began = time.monotonic()
    assert await left.call(right.node_id, "echo", b"x", timeout_s=2)
    assert await right.call(left.node_id, "echo", b"x", timeout_s=2)
    assert time.monotonic() - began < 1


async def test_calls_to_oneself_stay_at_home():
    network = IrohNetwork(NodeKey.generate(), ANY, [], SystemClock())
    network.handle("echo", echo)
    assert await network.call(network.node_id, "echo", b"x", timeout_s=1)


async def test_errors_of_handlers(join):
    one, other = await join(), await join()

    async def refuse(caller, body):
        raise RemoteError("not-found", "No such thing.")

    async def fail(caller, body):
        raise KeyError("secret")

    async def sleep(caller, body):
        await asyncio.sleep(30)
        return b""

    for method, handler in (("refuse", refuse), ("fail", fail), ("sleep", sleep)):
        other.handle(method, handler)
    with pytest.raises(RemoteError, match="No such thing") as refused:
        await one.call(other.node_id, "refuse", b"", timeout_s=3)
    assert refused.value.code == "not-found"
    with pytest.raises(RemoteError) as failed:
        await one.call(other.node_id, "fail", b"", timeout_s=3)
    assert failed.value.code == "internal"
    assert "secret" not in str(failed.value)
    with pytest.raises(RemoteError) as unknown:
        await one.call(other.node_id, "nothing", b"", timeout_s=3)
    assert unknown.value.code == "unknown-method"
    with pytest.raises(CallTimeout):
        await one.call(other.node_id, "sleep", b"", timeout_s=0.1)


async def test_an_unknown_node_is_unreachable_soon(join):
    one = await join()
    with pytest.raises(Unreachable, match="not known"):
        await one.call(NodeKey.generate().node_id, "echo", b"", timeout_s=5)


async def test_a_large_body_passes_and_a_larger_one_is_refused(join):
    one, other = await join(), await join()
    body = b"b" * (4 * 1024 * 1024 - 100)
    assert len(await one.call(other.node_id, "echo", body, timeout_s=5)) > len(body)
    with pytest.raises(RemoteError) as refused:
        await one.call(other.node_id, "echo", body + b"b" * 1000, timeout_s=5)
    assert refused.value.code == "too-large"


async def test_a_stream_carries_much_at_speed(join):
    """Fails when the binding's item-by-item copies are back: 64 MiB took over seven seconds of processor."""
    one, other = await join(), await join()
    chunk, count = b"c" * 256 * 1024, 256

    async def send(caller, header, stream):
        assert header == b"what"
        for _ in range(count):
            await stream.write(chunk)

    other.handle_stream("send", send)
    began = time.process_time()
    stream = await one.open_stream(other.node_id, "send", b"what", timeout_s=3)
    received = 0
    while data := await stream.read(1024 * 1024):
        received += len(data)
    assert received == count * len(chunk)
    assert time.process_time() - began < 3.0


async def test_a_stream_goes_both_ways(join):
    one, other = await join(), await join()

    async def double(caller, header, stream):
        while data := await stream.read(100):
            await stream.write(data * 2)

    for network in (one, other):
        network.handle_stream("double", double)
    for target in (one, other):
        stream = await one.open_stream(target.node_id, "double", b"", timeout_s=3)
        await stream.write(b"ab")
        assert await stream.read(10) == b"abab"
        await stream.finish()
        assert await stream.read(10) == b""


async def test_a_refused_and_a_broken_stream(join):
    one, other = await join(), await join()

    async def refuse(caller, header, stream):
        raise RemoteError("not-found", "No such file.")

    async def break_off(caller, header, stream):
        await stream.write(b"begun")
        raise RemoteError("gone", "It was deleted.")

    for network in (one, other):
        network.handle_stream("refuse", refuse)
        network.handle_stream("break", break_off)
    for target in (one, other):
        stream = await one.open_stream(target.node_id, "refuse", b"", timeout_s=3)
        with pytest.raises(RemoteError, match="No such file"):
            await stream.read(10)
    stream = await one.open_stream(other.node_id, "break", b"", timeout_s=3)
    with pytest.raises(StreamBroken):
        await _all_of(stream)


async def test_a_node_that_stops_fails_calls_at_once(join):
    one = await join()

    async def sleep(caller, body):
        await asyncio.sleep(30)
        return b""

    async with running(bootstrap=[one.address()]) as other:
        other.handle("sleep", sleep)
        call = asyncio.create_task(one.call(other.node_id, "sleep", b"", timeout_s=60))
        await asyncio.wait({call}, timeout=0.3)
        assert not call.done()
    with pytest.raises(Unreachable):
        await asyncio.wait_for(call, 20)


async def test_a_node_that_stands_still_for_a_while_takes_nobody_for_dead(join, monkeypatch):
    monkeypatch.setattr(session, "PING_AFTER_S", 0.5)
    monkeypatch.setattr(session, "LOST_AFTER_S", 2.0)
    first, second = await join(), await join()
    await second.call(first.node_id, "echo", b"", timeout_s=5)
    links = {link.since for link in second.links()}
    time.sleep(2.5)  # noqa: ASYNC251 (it is to stand still)
    await asyncio.sleep(0.3)
    assert {link.since for link in second.links()} == links
    assert first.neighbours() == [second.node_id]


async def test_a_node_is_found_again_on_another_port(join):
    one, third = await join(), await join()
    key = NodeKey.generate()
    async with running(key, [one.address()]) as before:
        assert await third.call(key.node_id, "echo", b"1", timeout_s=3)
        old = before.address()
    seen = []
    third.on_neighbour(seen.append)
    async with running(key, [one.address()]) as after:
        assert after.address() != old
        assert after.address().split("@")[0] == old.split("@")[0]
        assert await third.call(key.node_id, "echo", b"2", timeout_s=5)
        assert await after.call(third.node_id, "echo", b"3", timeout_s=5)
    assert key.node_id in seen


async def test_the_first_node_comes_back(join):
    key = NodeKey.generate()
    async with AsyncExitStack() as stack:
        async with running(key) as first:
            address = first.address()
            bind = address.split("@")[1]
            one = await stack.enter_async_context(running(bootstrap=[address]))
            assert await one.call(key.node_id, "echo", b"", timeout_s=3)
        came_back = asyncio.Event()
        one.on_neighbour(lambda node: came_back.set())
        async with running(key, bind=bind):
            await asyncio.wait_for(came_back.wait(), 20)
            assert await one.call(key.node_id, "echo", b"", timeout_s=3)


async def test_many_calls_at_a_time(join):
    one, other = await join(), await join()
    answers = await asyncio.gather(
        *(one.call(other.node_id, "echo", str(n).encode(), timeout_s=10) for n in range(400))
    )
    assert [int(answer.split()[1]) for answer in answers] == list(range(400))


async def test_a_port_that_is_taken(join):
    one = await join()
    with pytest.raises(CannotListen):
        async with running(bind=one.address().split("@")[1]):
            pass

"""Our relay serves iroh's endpoints, hands on what they send, and believes nobody without a signature."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iroh import SecretKey
from net_parts import HOST, running_node, running_relay, url_of

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.net.errors import Unreachable
from golemnet.net.iroh_network import IrohNetwork
from golemnet.net.records import Place, make_record
from golemnet.net.relay import messages
from golemnet.net.relay.blake3 import derive_key
from golemnet.net.relay.server import PROTOCOL, SIGNED_CONTEXT, Relay

# From the official test vectors: their context, and material of 0, 1, 2, ... bytes.
CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"
VECTORS = {
    0: "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
    1: "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
    64: "a5c4a7053fa86b64746d4bb688d06ad1f02a18fce9afd3e818fefaa7126bf73e",
    65: "51fd05c3c1cfbc8ed67d139ad76f5cf8236cd2acd26627a30c104dfd9d3ff8a8",
    1024: "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a6896843027066",
}


@pytest.mark.parametrize("size", VECTORS)
def test_key_derivation(size: int):
    material = bytes(number % 251 for number in range(size))
    assert derive_key(CONTEXT, material).hex() == VECTORS[size][:64]


@given(st.binary(max_size=120))
def test_any_bytes_are_understood_or_refused(data: bytes):
    for read in (messages.read, messages.read_auth):
        try:
            read(data)
        except ValueError:
            pass


async def reached_by(network: IrohNetwork, relay: str) -> None:
    """Wait until ``network`` says in its record that it can be reached by ``relay``."""
    async with asyncio.timeout(10):
        while True:
            news = network.records.news()
            record = network.records.get(network.node_id, SystemClock().now())
            if record is not None and record.relay.rstrip("/") == relay:
                return
            await news.wait()


def without_addresses(network: IrohNetwork, key: NodeKey):
    """The node's record as if it had no address but its relay."""
    now = SystemClock().now()
    record = network.records.get(network.node_id, now)
    assert record is not None
    return make_record(key, Place(record.endpoint_key, [], record.relay), now)


async def test_nodes_at_two_relays_reach_each_other_without_addresses():
    async with AsyncExitStack() as stack:
        relays = [await stack.enter_async_context(running_relay()) for _ in range(2)]
        one, _ = await stack.enter_async_context(running_node(*map(url_of, relays)))
        other, key = await stack.enter_async_context(running_node(url_of(relays[1])))
        await reached_by(other, url_of(relays[1]))
        one.records.add(without_addresses(other, key), SystemClock().now())
        assert await one.call(other.node_id, "echo", b"hello", timeout_s=5) == b"hello"
        assert relays[1].relayed_bytes > 0
        assert relays[0].relayed_bytes == 0


async def test_a_record_does_not_lead_to_a_service_of_the_lan():
    asked = []
    service = await asyncio.start_server(lambda reader, writer: asked.append(writer), HOST, 0)
    async with service, running_relay() as relay, running_node(url_of(relay)) as (node, _):
        await reached_by(node, url_of(relay))
        key, now = NodeKey.generate(), SystemClock().now()
        url = f"http://{HOST}:{service.sockets[0].getsockname()[1]}"
        node.records.add(make_record(key, Place(SecretKey.generate().public().to_bytes(), [], url), now), now)
        with pytest.raises(Unreachable):
            await node.call(key.node_id, "echo", b"hello", timeout_s=6)
        assert asked == []


async def test_without_a_relay_there_is_no_way():
    async with running_node() as (one, _), running_node() as (other, key):
        one.records.add(without_addresses(other, key), SystemClock().now())
        with pytest.raises(Unreachable):
            await one.call(other.node_id, "echo", b"hello", timeout_s=6)


async def test_the_next_relay_is_chosen_when_one_dies():
    async with running_relay() as second, AsyncExitStack() as stack:
        async with running_relay() as first:
            urls = (url_of(first), url_of(second))
            node, _ = await stack.enter_async_context(running_node(*urls))
            await reached_by(node, urls[0])
        began = asyncio.get_running_loop().time()
        await reached_by(node, urls[1])
        assert asyncio.get_running_loop().time() - began < 5
        assert node.relay == urls[1]


@asynccontextmanager
async def client(relay: Relay):
    url = f"ws://{HOST}:{relay.port}/relay"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=[PROTOCOL]) as socket:
        yield socket


async def enter(socket: aiohttp.ClientWebSocketResponse, secret: SecretKey, claimed: bytes | None = None):
    """Answer the challenge as the holder of ``secret``; what the relay says then."""
    asked = (await socket.receive_bytes(timeout=5))[1:]
    signature = secret.sign(derive_key(SIGNED_CONTEXT, asked)).to_bytes()
    key = claimed or secret.public().to_bytes()
    await socket.send_bytes(bytes([messages.CLIENT_AUTH]) + key + bytes([len(signature)]) + signature)
    return await socket.receive_bytes(timeout=5)


async def test_nobody_takes_the_place_of_another():
    victim = SecretKey.generate().public().to_bytes()
    async with running_relay() as relay, client(relay) as socket:
        answer = await enter(socket, SecretKey.generate(), claimed=victim)
        assert answer[0] == messages.DENIED
        assert relay.clients == {}


async def test_who_does_not_keep_to_the_protocol_is_let_go():
    async with running_relay() as relay, client(relay) as socket:
        assert await enter(socket, SecretKey.generate()) == messages.confirmed()
        await socket.send_bytes(bytes([messages.PING]) + b"12345678")
        assert await socket.receive_bytes(timeout=5) == messages.pong(b"12345678")
        await socket.send_bytes(b"\xff nonsense")
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_a_slow_receiver_costs_bounded_memory():
    slow = SecretKey.generate()
    async with running_relay() as relay, client(relay) as receiver, client(relay) as sender:
        await enter(receiver, slow)
        await enter(sender, SecretKey.generate())
        kilobytes = bytes([messages.TO_RELAY]) + slow.public().to_bytes() + b"\0" + b"x" * 60_000
        async with asyncio.timeout(20):
            while not relay.dropped:
                await sender.send_bytes(kilobytes)
        [waiting] = [each for key, each in relay.clients.items() if key == slow.public().to_bytes()]
        assert waiting.waiting_bytes <= 5 * 1024 * 1024


async def test_a_full_relay_says_so():
    async with running_relay(max_clients=1) as relay, client(relay):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with client(relay):
                pass

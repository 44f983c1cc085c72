"""Private networks between nodes: real devices, the REST API; an instance is a bare namespace."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSCloseCode

sys.path.insert(0, str(Path(__file__).parent))

from participants import MASK, RANGE, Participant

from golemnet.daemon.vpn.messages import MEMBERS, PACKETS, MembersWanted, PacketHeader, encode
from golemnet.errors import GolemError
from golemnet.model.packets import join
from golemnet.net.errors import RemoteError
from golemnet.net.memory import MemoryNetwork
from golemnet.rest.vpn import UNIT_PATH
from golemnet.runtime import network_namespace
from golemnet.runtime.network_namespace import NetworkNamespace
from golemnet.runtime.ping import echo_request

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="/dev/net/tun is root's on many machines"),
]

REQUESTOR, ONE, TWO = "192.168.7.1", "192.168.7.2", "192.168.7.3"
LIMIT_S = 5.0


class Ground:
    """A requestor with a network, and two providers."""

    def __init__(self, stack: AsyncExitStack, parts: list[Participant], http: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.requestor, self.one, self.two = parts
        self.http = http
        self.network_id = ""

    @property
    def url(self) -> str:
        return f"{self.requestor.url}/net-api/v2/vpn/net/{self.network_id}"

    async def post(self, path: str, **body: str) -> None:
        async with self.http.post(self.url + path, json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def add(self, participant: Participant, ip: str) -> NetworkNamespace:
        """An instance of a provider that the requestor has added."""
        await self.post("/nodes", id=participant.net.node_id, ip=ip)
        return await self.instance(participant, ip)

    async def instance(self, participant: Participant, ip: str) -> NetworkNamespace:
        entering = participant.instance(self.requestor.net.node_id, self.network_id, ip)
        return await self.stack.enter_async_context(entering)

    async def serve(self, namespace: NetworkNamespace, ip: str, port: int) -> None:
        """An echo in the instance, at a port that elsewhere only root may have."""

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, sock=await namespace.listen(ip, port))
        self.stack.callback(server.close)

    async def status(self, path: str) -> int:
        """What an attempt to connect is answered."""
        try:
            async with self.http.ws_connect(self.url + path):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    network = MemoryNetwork()
    async with AsyncExitStack() as stack:
        parts = [Participant(network) for _ in range(3)]
        for part in parts:
            await stack.enter_async_context(part.running())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        ground = Ground(stack, parts, http)
        created = {"ip": RANGE, "mask": MASK}
        async with http.post(f"{ground.requestor.url}/net-api/v1/net", json=created) as answer:
            ground.network_id = (await answer.json())["id"]
        await ground.post("/addresses", ip=REQUESTOR)
        yield ground


async def connect(namespace: NetworkNamespace, host: str, port: int) -> bytes:
    """What an echo answers to a program in ``namespace``."""
    loop = asyncio.get_running_loop()
    (socket,) = await namespace.open_sockets(1)
    with socket:
        await loop.sock_connect(socket, (host, port))
        await loop.sock_sendall(socket, b"hello")
        return await loop.sock_recv(socket, 100)


async def test_a_program_reaches_a_server_in_an_instance(ground):
    instance = await ground.add(ground.one, ONE)
    await ground.serve(instance, ONE, 80)
    async with ground.http.ws_connect(f"{ground.url}/tcp/{ONE}/80") as link:
        await link.send_bytes(b"hello")
        await link.send_str(", you")
        received = b""
        async with asyncio.timeout(LIMIT_S):
            while received != b"hello, you":
                received += (await link.receive()).data
        async with ground.http.get(f"{ground.url}/tcp") as answer:
            [shown] = await answer.json()
        assert shown["localPort"] > 0
        del shown["localPort"]
        assert shown == {"protocol": 6, "localIp": REQUESTOR, "remoteIp": ONE, "remotePort": 80}
    await eventually(lambda: not ground.requestor.networks.connections(ground.network_id))


async def test_much_goes_both_ways_at_a_time(ground):
    instance = await ground.add(ground.one, ONE)
    await ground.serve(instance, ONE, 80)
    content = os.urandom(4 * 1024 * 1024)
    async with ground.http.ws_connect(f"{ground.url}/tcp/{ONE}/80") as link, asyncio.timeout(20):

        async def send() -> None:
            for at in range(0, len(content), 65536):
                await link.send_bytes(content[at : at + 65536])

        sending, received = asyncio.create_task(send()), bytearray()
        while len(received) < len(content):
            received += (await link.receive()).data
        await sending
    assert received == content


async def test_instances_reach_each_other_and_nothing_else(ground):
    one, two = await ground.add(ground.one, ONE), await ground.add(ground.two, TWO)
    await ground.serve(two, TWO, 80)
    async with asyncio.timeout(LIMIT_S):
        assert await connect(one, TWO, 80) == b"hello"
    # neither the daemon of this machine nor the world; and the other instance hears no other port
    daemon = int(ground.one.url.rpartition(":")[2])
    for host, port in (("127.0.0.1", daemon), ("8.8.8.8", 53), (TWO, 81)):
        with pytest.raises(OSError):
            async with asyncio.timeout(LIMIT_S):
                await connect(one, host, port)


async def test_instances_of_one_provider_reach_each_other(ground):
    one, two = await ground.add(ground.one, ONE), await ground.add(ground.one, TWO)
    await ground.serve(two, TWO, 80)
    async with asyncio.timeout(LIMIT_S):
        assert await connect(one, TWO, 80) == b"hello"


async def test_a_provider_may_be_its_own_requestor(ground):
    instance = await ground.add(ground.requestor, ONE)
    await ground.serve(instance, ONE, 80)
    assert await ground.status(f"/tcp/{ONE}/80") == 101


async def test_what_cannot_be_reached_is_said(ground):
    instance = await ground.add(ground.one, ONE)
    await ground.serve(instance, ONE, 80)
    assert await ground.status(f"/tcp/{ONE}/81") == 502
    assert await ground.status(f"/tcp/{TWO}/80") == 404
    assert await ground.status(f"/tcp/{ONE}/99999") == 400
    assert await ground.status("/tcp/8.8.8.8/53") == 404
    assert await ground.status(f"x/tcp/{ONE}/80") == 404


async def test_only_who_was_added_can_join(ground):
    with pytest.raises(GolemError, match="has not given the address"):
        await ground.instance(ground.one, ONE)
    await ground.post("/nodes", id=ground.two.net.node_id, ip=ONE)
    with pytest.raises(GolemError, match="has not given the address"):
        await ground.instance(ground.one, ONE)
    ground.network_id = "another"
    with pytest.raises(GolemError, match="no such network"):
        await ground.instance(ground.one, ONE)
    assert ground.one.networks._segments == {}


async def test_a_forged_source_is_not_heard(ground):
    """What a provider could try that has changed its programs."""
    await ground.add(ground.one, ONE)
    await ground.add(ground.two, TWO)
    segment = ground.one.networks.segment(ground.requestor.net.node_id, ground.network_id)
    mine, theirs, requestors = IPv4Address(ONE), IPv4Address(TWO), IPv4Address(REQUESTOR)
    # the other provider, in the name of the requestor
    header = encode(PacketHeader(str(ground.requestor.net.node_id), ground.network_id))
    stream = await ground.two.net.open_stream(ground.one.net.node_id, PACKETS, header, timeout_s=LIMIT_S)
    await stream.write(join([echo_request(mine, requestors)]))
    await eventually(lambda: segment.switch.dropped["forged source"] == 1)
    # an ExeUnit, in the name of the requestor and of the other provider
    path = UNIT_PATH.format(id=f"activity{ONE}", network_id=ground.network_id)
    async with ground.http.ws_connect(f"{ground.one.url}{path}", params={"ip": ONE}) as link:
        await link.send_bytes(join([echo_request(theirs, requestors), echo_request(requestors, theirs)]))
        await eventually(lambda: segment.switch.dropped["forged source"] == 3)
    await stream.abort()


async def test_a_stranger_is_not_heard(ground):
    await ground.add(ground.one, ONE)
    owner, one = ground.requestor.net.node_id, ground.one.net.node_id
    stranger = ground.two.net
    question = encode(MembersWanted(ground.network_id))
    with pytest.raises(RemoteError, match="not in the network"):
        await stranger.call(owner, MEMBERS, question, timeout_s=LIMIT_S)
    # neither in the network of the requestor, nor in one that it calls its own
    for named in (owner, stranger.node_id):
        header = encode(PacketHeader(str(named), ground.network_id))
        stream = await stranger.open_stream(one, PACKETS, header, timeout_s=LIMIT_S)
        await stream.write(join([echo_request(IPv4Address(ONE), IPv4Address(TWO))]))
        with pytest.raises(RemoteError, match="in the network"):
            await stream.read(1)


async def test_who_is_removed_is_cut_off_and_who_is_added_again_is_back(ground):
    one, two = await ground.add(ground.one, ONE), await ground.add(ground.two, TWO)
    await ground.serve(two, TWO, 80)
    async with asyncio.timeout(LIMIT_S):
        assert await connect(one, TWO, 80) == b"hello"
    async with ground.http.delete(f"{ground.url}/nodes/{ground.two.net.node_id}") as answer:
        assert answer.status == 200
    assert await ground.status(f"/tcp/{TWO}/80") == 404
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await connect(one, TWO, 80)
    await ground.post("/nodes", id=ground.two.net.node_id, ip=TWO)
    async with asyncio.timeout(LIMIT_S):
        assert await connect(one, TWO, 80) == b"hello"


async def test_the_end_of_a_network_ends_its_connections(ground):
    instance = await ground.add(ground.one, ONE)
    await ground.serve(instance, ONE, 80)
    async with ground.http.ws_connect(f"{ground.url}/tcp/{ONE}/80") as link:
        async with ground.http.delete(ground.url) as answer:
            assert answer.status == 200
        async with asyncio.timeout(LIMIT_S):
            assert (await link.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert await ground.status(f"/tcp/{ONE}/80") == 404
    segment = ground.one.networks.segment(ground.requestor.net.node_id, ground.network_id)
    await eventually(lambda: not segment.switch.members)


async def test_a_machine_that_cannot_take_part_says_so(ground, monkeypatch):
    await ground.add(ground.one, ONE)
    monkeypatch.setattr(network_namespace, "HELPER", "golemnet.runtime.missing")
    async with ground.http.get(f"{ground.url}/tcp/{ONE}/80") as answer:
        assert answer.status == 500
        assert "cannot take part in private networks" in (await answer.json())["message"]
    monkeypatch.undo()
    assert await ground.status(f"/tcp/{ONE}/80") == 502, "it is tried anew"


async def test_an_end_that_sends_nonsense_is_closed(ground):
    await ground.post("/nodes", id=ground.one.net.node_id, ip=ONE)
    ground.one.activities["a"] = ground.requestor.net.node_id
    path = UNIT_PATH.format(id="a", network_id=ground.network_id)
    async with ground.http.ws_connect(f"{ground.one.url}{path}", params={"ip": ONE}) as link:
        await link.send_bytes(b"\0\7nonsen")
        async with asyncio.timeout(LIMIT_S):
            assert (await link.receive()).data == WSCloseCode.UNSUPPORTED_DATA
    await eventually(lambda: ground.one.networks._segments == {})


async def test_a_network_that_ends_while_it_is_set_up_leaves_nothing(ground):
    await ground.add(ground.one, ONE)
    connecting = asyncio.create_task(ground.status(f"/tcp/{ONE}/80"))
    await eventually(lambda: bool(ground.requestor.networks._gateways))
    [gateway] = ground.requestor.networks._gateways.values()
    async with ground.http.delete(ground.url) as answer:
        assert answer.status == 200
    assert await connecting == 404
    assert (gateway._tun, gateway._namespace, gateway._free) == (-1, None, [])


async def test_packets_pass_again_after_the_providers_daemon_was_away(ground):
    instance = await ground.add(ground.one, ONE)
    await ground.serve(instance, ONE, 80)
    assert await ground.status(f"/tcp/{ONE}/80") == 101
    await ground.one.serve_again()
    owner = ground.requestor.net.node_id
    await eventually(lambda: ground.one.networks.segment(owner, ground.network_id) is not None)
    assert await ground.status(f"/tcp/{ONE}/80") == 101


async def eventually(check: Callable[[], bool]) -> None:
    """Look until it is so: what another task does tells nobody."""
    async with asyncio.timeout(LIMIT_S):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

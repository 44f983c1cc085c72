"""Streams on connections of their own: who gets one, what it carries, what happens where there is none."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from hashlib import sha256

import msgspec
import psutil
import pytest
import uvloop

from golemnet.clock import SystemClock
from golemnet.model.keys import NodeKey
from golemnet.net import bulk
from golemnet.net.bulk import METHOD, Invitation
from golemnet.net.certificates import anonymous_context
from golemnet.net.errors import RemoteError, StreamBroken
from golemnet.net.iroh_network import IrohNetwork
from golemnet.net.tcp_stream import TcpStream

HOST = "127.0.0.1"
MUCH = os.urandom(3_000_000)
WAIT_S = 20.0


@asynccontextmanager
async def running(*bootstrap: str):
    network = IrohNetwork(NodeKey.generate(), f"{HOST}:0", list(bootstrap), SystemClock())
    ready = asyncio.Event()

    async def send(caller, header, stream):
        await stream.write(caller.encode() + header + MUCH)

    async def double(caller, header, stream):
        while data := await stream.read(100):
            await stream.write(data * 2)

    async def refuse(caller, header, stream):
        raise RemoteError("not-found", "No such file.")

    async def break_off(caller, header, stream):
        await stream.write(b"begun")
        raise RemoteError("gone", "It was deleted.")

    for handler in (send, double, refuse, break_off):
        network.handle_stream(handler.__name__, handler)
    task = asyncio.create_task(network.run(ready))
    await asyncio.wait_for(ready.wait(), WAIT_S)
    try:
        yield network
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=WAIT_S)


@pytest.fixture
async def pair():
    async with running() as one, running(one.address()) as other:
        yield one, other


async def opened(one: IrohNetwork, other: IrohNetwork, method: str):
    return await one.open_stream(other.node_id, method, b"-what-", timeout_s=3, is_bulk=True)


async def received(stream) -> bytes:
    data = b""
    while more := await stream.read(1024 * 1024):
        data += more
    await stream.abort()
    return data


async def sent_much(one: IrohNetwork, other: IrohNetwork) -> bool:
    """Whether ``other`` sends what it should, and whether that goes beside the session."""
    assert await received(await opened(one, other, "send")) == one.node_id.encode() + b"-what-" + MUCH
    return sum(link.bytes_received for link in one.links()) < len(MUCH)


async def invited(one: IrohNetwork, other: IrohNetwork) -> Invitation:
    answer = await one.call(other.node_id, METHOD, b"", timeout_s=3)
    return msgspec.msgpack.decode(answer, type=Invitation)


def listening() -> set[tuple[str, int]]:
    """The TCP sockets at which this process listens."""
    found = psutil.Process().net_connections("tcp")
    return {(each.laddr.ip, each.laddr.port) for each in found if each.status == psutil.CONN_LISTEN}


async def knock(invitation: Invitation, secret: bytes) -> TcpStream:
    connection = await TcpStream.connect(HOST, invitation.port, anonymous_context())
    assert sha256(connection.certificate()).digest() == invitation.certificate_hash
    connection.say(secret)
    return connection


def test_much_goes_beside_the_session_with_either_loop() -> None:
    async def exchange() -> None:
        async with running() as one, running(one.address()) as other:
            assert await sent_much(one, other)
            assert await sent_much(other, one)
            assert one.traffic.received["send"].bytes > len(MUCH)

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(exchange())


async def test_both_directions_end_on_their_own(pair) -> None:
    stream = await opened(*pair, "double")
    await stream.write(b"ab")
    assert await stream.read(10) == b"abab"
    await stream.finish()
    assert await stream.read(10) == b""
    assert await stream.read(10) == b""


async def test_refused_and_broken_streams(pair) -> None:
    with pytest.raises(RemoteError, match="No such file"):
        await (await opened(*pair, "refuse")).read(10)
    with pytest.raises(StreamBroken):
        await received(await opened(*pair, "break_off"))


async def test_who_gives_up_breaks_the_other_end(pair) -> None:
    one, other = pair
    broken = asyncio.Event()

    async def endless(caller, header, stream):
        try:
            while True:
                await stream.write(bytes(100_000))
        except StreamBroken:
            broken.set()

    other.handle_stream("endless", endless)
    stream = await opened(one, other, "endless")
    await stream.read(10)
    await stream.abort()
    await asyncio.wait_for(broken.wait(), WAIT_S)


async def test_nobody_listens_before_somebody_asks(pair) -> None:
    before = listening()
    invitation = await invited(*pair)
    assert {port for _, port in listening() - before} == {invitation.port}
    assert (HOST, invitation.port) in listening()


async def test_a_secret_is_good_for_one_connection(pair) -> None:
    invitation = await invited(*pair)
    first = await knock(invitation, invitation.secret)
    await first.write_all(b"")
    for secret in (invitation.secret, bytes(32)):
        connection = await knock(invitation, secret)
        with pytest.raises(StreamBroken):
            await asyncio.wait_for(connection.exactly(1), WAIT_S)
    first.break_off()


async def test_a_secret_is_good_for_a_while(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "INVITED_FOR_S", 0.0)
    invitation = await invited(*pair)
    await asyncio.sleep(0.01)
    with pytest.raises(StreamBroken):
        await asyncio.wait_for((await knock(invitation, invitation.secret)).exactly(1), WAIT_S)


async def test_who_says_nothing_is_not_waited_for(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "GREETING_TIMEOUT_S", 0.2)
    connection = await knock(await invited(*pair), b"")
    with pytest.raises(StreamBroken):
        await asyncio.wait_for(connection.exactly(1), WAIT_S)
    monkeypatch.undo()
    assert await sent_much(*pair)


async def test_an_impostor_is_told_nothing(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    async def listen(reader, writer) -> None:
        said.append(await reader.read(100))
        writer.close()

    context = bulk.new_certificate().context
    impostor = await asyncio.start_server(listen, HOST, 0, ssl=context)
    port = impostor.sockets[0].getsockname()[1]
    connect = bulk._connect

    async def to_impostor(host: str, invitation: Invitation) -> TcpStream:
        return await connect(HOST, msgspec.structs.replace(invitation, port=port))

    monkeypatch.setattr(bulk, "_connect", to_impostor)
    async with impostor:
        assert not await sent_much(*pair)
    assert said == [b""]


async def test_where_no_connection_gets_through_the_session_is_used_and_it_is_not_tried_again(
    pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def fail(host: str, invitation: Invitation) -> TcpStream:
        tried.append(host)
        raise TimeoutError

    monkeypatch.setattr(bulk, "_connect", fail)
    for _ in range(2):
        assert not await sent_much(*pair)
    assert len(tried) == 1


async def test_a_node_that_does_not_invite_is_asked_once(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = pair
    del other._handlers._calls[METHOD]
    assert not await sent_much(one, other)


@pytest.mark.parametrize("bound", ["MAX_INVITED_OF_PEER", "MAX_CONNECTIONS"])
async def test_few_are_invited_at_a_time(pair, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(bulk, bound, 2)
    for _ in range(2):
        await invited(*pair)
    with pytest.raises(RemoteError) as refused:
        await invited(*pair)
    assert refused.value.code == "busy"
    assert not await sent_much(*pair)
    monkeypatch.setattr(bulk, bound, 4)
    assert isinstance((await opened(*pair, "double"))._send, TcpStream)

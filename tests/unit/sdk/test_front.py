"""The address of a service: what passes through it, in both directions, over real sockets.

Instances are servers of this machine.
"""

import asyncio
import gzip
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from golemnet.requestor.published.socket_proxy import first_end
from golemnet.sdk import front as front_module
from golemnet.sdk.front import Front

WAIT_S = 20
MIB = 1024 * 1024


class Place:
    """A server in the place of an instance."""

    is_ready = True

    def __init__(self, url):
        self.url = url


@asynccontextmanager
async def front_of(handle):
    """The address of a service whose instance answers every request by ``handle``."""
    application = web.Application(client_max_size=1024 * MIB)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with front_at(runner.addresses[0][1]) as url:
            yield url
    finally:
        await runner.cleanup()


@asynccontextmanager
async def front_of_bytes(serve):
    """The same for an instance that does not speak HTTP well; it hangs up at the end of ``serve``."""

    async def handle(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        async with front_at(server.sockets[0].getsockname()[1]) as url:
            yield url
    finally:
        server.close()


@asynccontextmanager
async def front_at(port):
    front = Front(lambda: [Place(f"http://127.0.0.1:{port}")], 0)
    await front.run()
    try:
        async with asyncio.timeout(3 * WAIT_S):
            yield front.url
    finally:
        await front.drain()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(autouse=True)
async def nothing_is_left(monkeypatch):
    """Every test ends without a task of the front's."""
    monkeypatch.setattr(front_module, "DRAIN_S", 1.0)
    yield
    async with asyncio.timeout(WAIT_S):
        while busy := {each for each in asyncio.all_tasks() if "carry_to" in repr(each)}:
            await asyncio.wait(busy)


async def echo(request):
    """Says everything again, in capitals where it is text; ends by 4001 when it is told."""
    socket = web.WebSocketResponse(protocols=["shout"])
    await socket.prepare(request)
    async for message in socket:
        if message.data == "end":
            await socket.close(code=4001, message=b"as told")
        elif message.type is WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
        else:
            await socket.send_bytes(message.data)
    return socket


async def test_a_websocket_passes_with_texts_bytes_and_the_code_of_its_end(session):
    async with front_of(echo) as url, session.ws_connect(f"{url}/chat?a=b", protocols=["shout"]) as socket:
        assert socket.protocol == "shout"
        large = bytes(range(256)) * 4096
        await socket.send_str("hello")
        await socket.send_bytes(large)
        assert await socket.receive_str(timeout=WAIT_S) == "HELLO"
        assert await socket.receive_bytes(timeout=WAIT_S) == large
        await socket.send_str("end")
        last = await socket.receive(WAIT_S)
        assert (last.type, last.data, last.extra) == (WSMsgType.CLOSE, 4001, "as told")


async def test_the_instance_hears_by_which_code_a_client_ends(session):
    heard = asyncio.get_running_loop().create_future()

    async def handle(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        heard.set_result(socket.close_code)
        return socket

    async with front_of(handle) as url, session.ws_connect(url) as socket:
        await socket.close(code=4002)
        assert await asyncio.wait_for(heard, WAIT_S) == 4002


async def test_the_end_of_an_instance_ends_the_sockets_of_its_clients(session):
    async def handle(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        request.transport.abort()
        return socket

    async with front_of(handle) as url, session.ws_connect(url) as socket:
        await socket.send_str("die")
        last = await socket.receive(WAIT_S)
        assert last.type is WSMsgType.CLOSED
        assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_a_client_that_vanishes_is_not_kept_at_the_instance(session):
    gone = asyncio.Event()

    async def handle(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.receive()
        gone.set()
        return socket

    async with front_of(handle) as url:
        socket = await session.ws_connect(url)
        await socket.receive_str(timeout=WAIT_S)
        socket._response.connection.transport.abort()
        await asyncio.wait_for(gone.wait(), WAIT_S)


ASKING = b"GET / HTTP/1.1\r\nHost: me\r\nConnection: keep-alive, Upgrade\r\nUpgrade: shout\r\n\r\n"
GRANTED = b"HTTP/1.1 101 Go on\r\nConnection: Upgrade\r\nUpgrade: shout\r\nX-Who: me\r\n\r\nand at once"


async def test_any_other_protocol_passes_as_well(session):
    async def serve(reader, writer):
        writer.write(GRANTED)
        while line := await reader.readline():
            writer.write(line.upper())

    async with front_of_bytes(serve) as url, connected(url) as (reader, writer):
        writer.write(ASKING)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 Go on\r\n")
        assert b"X-Who: me\r\n" in head
        assert await reader.readexactly(11) == b"and at once"
        writer.write(b"hello\n")
        assert await reader.readline() == b"HELLO\n"


async def test_what_refuses_an_upgrade_is_an_ordinary_answer(session):
    async def handle(request):
        assert request.headers["Upgrade"] == "websocket"
        return web.Response(status=403, text="not you")

    async with front_of(handle) as url:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        assert refused.value.status == 403
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with session.get(url, headers=upgrade) as answer:
            assert await answer.text() == "not you"


async def test_a_joint_that_is_silent_for_long_is_given_up(session, monkeypatch):
    monkeypatch.setattr(front_module, "SILENCE_S", 3.0)
    async with front_of(echo) as url, session.ws_connect(url) as socket:
        assert (await socket.receive(WAIT_S)).type is WSMsgType.CLOSED


async def test_the_end_of_the_service_waits_for_a_while_and_then_hangs_up(session):
    async with front_of(echo) as url:
        socket = await session.ws_connect(url)
    assert (await socket.receive(WAIT_S)).type is WSMsgType.CLOSED


async def test_events_arrive_while_the_answer_goes_on(session):
    heard = asyncio.Event()

    async def handle(request):
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(f"data: {number}\n\n".encode())
            await asyncio.wait_for(heard.wait(), WAIT_S)
            heard.clear()
        return answer

    async with front_of(handle) as url, session.get(url) as answer:
        assert answer.content_type == "text/event-stream"
        for number in range(3):
            assert await answer.content.readuntil(b"\n\n") == f"data: {number}\n\n".encode()
            heard.set()
        assert await answer.content.read() == b""


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"],
    ids=["length", "chunked"],
)
async def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(session, head):
    async def serve(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"hello")

    async with front_of_bytes(serve) as url:
        with pytest.raises(aiohttp.ClientError):
            async with session.get(url) as answer:
                await answer.read()


async def test_a_large_upload_waits_for_the_instance_that_takes_it(session):
    begins, sent = asyncio.Event(), 0

    async def handle(request):
        await asyncio.wait_for(begins.wait(), WAIT_S)
        length = 0
        async for chunk in request.content.iter_any():
            length += len(chunk)
        return web.Response(text=str(length))

    async def content():
        nonlocal sent
        for _ in range(64):
            yield bytes(MIB)
            sent += MIB

    async with front_of(handle) as url:
        sending = asyncio.create_task(session.post(url, data=content()))
        await until_it_rests(lambda: sent)
        assert sent < 40 * MIB, "the rest waits at the client"
        begins.set()
        async with await asyncio.wait_for(sending, WAIT_S) as answer:
            assert await answer.text() == str(64 * MIB)


async def test_a_socket_waits_for_the_instance_that_takes_it(session):
    begins, sent = asyncio.Event(), 0

    async def serve(reader, writer):
        writer.write(GRANTED)
        await asyncio.wait_for(begins.wait(), WAIT_S)
        while data := await reader.read(MIB):
            writer.write(b"." * len(data))
            await writer.drain()

    async with front_of_bytes(serve) as url, connected(url) as (reader, writer):
        writer.write(ASKING)
        await reader.readuntil(b"and at once")

        async def send():
            nonlocal sent
            for _ in range(64):
                writer.write(bytes(MIB))
                await writer.drain()
                sent += MIB

        sending = asyncio.create_task(send())
        await until_it_rests(lambda: sent)
        assert sent < 40 * MIB
        begins.set()
        assert len(await reader.readexactly(64 * MIB)) == 64 * MIB
        await sending


async def test_contents_stay_as_they_are_packed(session):
    packed = gzip.compress(b"hello" * 100)

    async def handle(request):
        assert "Accept-Encoding" not in request.headers
        assert request.headers["Content-Encoding"] == "gzip"
        return web.Response(body=await request.read(), headers={"Content-Encoding": "gzip"})

    async with front_of(handle) as url:
        headers = {"Content-Encoding": "gzip"}
        skipped = ["Accept-Encoding"]
        async with session.post(url, data=packed, headers=headers, skip_auto_headers=skipped) as answer:
            assert await answer.read() == b"hello" * 100


@asynccontextmanager
async def connected(url):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_it_rests(count):
    """Wait until ``count()`` does not grow any more for a second."""
    before = -1
    while count() > before:
        before = count()
        await asyncio.sleep(1)


async def test_a_connection_is_silent_when_nothing_moves_either_way():
    counts, looks = iter([0, 0, 5, 5, 7, 7, 7, 7]), []
    ways = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]

    def carried():
        looks.append(next(counts))
        return looks[-1]

    async with asyncio.timeout(WAIT_S):
        await first_end(ways, carried, 0.01)
    assert looks == [0, 0, 5, 5, 7, 7, 7], "looked on as long as it grew, and not longer"
    assert all(way.cancelled() for way in ways)

"""A daemon that takes connections and answers nothing counts as one that is away."""

import asyncio

import pytest
from aiohttp import web

from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.session import Session
from golemnet.rest import transport
from golemnet.rest.client import Client
from golemnet.rest.errors import GatewayTimeout, NotFound
from golemnet.rest.transport import DaemonHangs, DaemonUnreachable

HOST = "127.0.0.1"
ASKED_S = 0.2


class Daemon:
    """Answers everything with 404, but for what hangs."""

    def __init__(self):
        self.hangs = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.asked = []

    async def answer(self, request):
        self.asked.append(request.path)
        if self.hangs.is_set() or "slow" in request.path:
            await self.goes_on.wait()
        return web.json_response({"message": "Nothing is here."}, status=404)


@pytest.fixture
async def daemon(unused_tcp_port, monkeypatch):
    monkeypatch.setattr(transport, "POLL_MARGIN_S", ASKED_S / 2)
    daemon, application = Daemon(), web.Application()
    application.router.add_route("*", "/{path:.*}", daemon.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, unused_tcp_port).start()
    daemon.url = f"http://{HOST}:{unused_tcp_port}"
    yield daemon
    daemon.goes_on.set()
    await runner.cleanup()


@pytest.fixture
async def client(daemon):
    async with Client(daemon.url, "key") as client:
        client.told = []
        client.silence.tell = client.told.append
        yield client


async def ask(client, path="/asked", **more):
    await client.market._transport.call("GET", path, timeout_s=ASKED_S, **more)


async def test_it_is_away_until_it_answers(daemon, client):
    daemon.hangs.set()
    for _ in "12":
        with pytest.raises(DaemonUnreachable, match="does not answer"):
            await ask(client)
    assert client.told == [
        "the daemon does not answer; it is waited for "
        f"(It takes connections, but has not answered GET /asked in {ASKED_S:g} s)"
    ]
    assert client.silence.lasted_s >= 2 * ASKED_S
    daemon.hangs.clear()
    with pytest.raises(NotFound):
        await ask(client)
    assert (client.told[1:], client.silence.lasted_s) == (["the daemon answers again"], 0.0)


async def test_one_that_answers_others_is_only_slow(client):
    slow = asyncio.create_task(ask(client, "/slow"))
    while not slow.done():
        with pytest.raises(NotFound):
            await ask(client)
    with pytest.raises(GatewayTimeout):
        await slow
    assert client.told == []


async def test_one_that_is_given_up_is_not_waited_for(daemon, client, monkeypatch):
    monkeypatch.setattr(transport, "GIVEN_UP_S", 0.05)
    daemon.hangs.set()
    with pytest.raises(DaemonHangs):
        await ask(client)
    client.silence.is_given_up = True
    async with asyncio.timeout(20):
        with pytest.raises(DaemonHangs, match=r"in 0\.05 s"):
            await client.identity.me()
    daemon.hangs.clear()
    with pytest.raises(NotFound):
        await ask(client)
    assert not client.silence.is_given_up


async def test_what_it_may_do_later_is_not_asked_for_twice(daemon, client, monkeypatch):
    daemon.hangs.set()
    monkeypatch.setattr("golemnet.rest.activity_client.POLL_MARGIN_S", ASKED_S)
    monkeypatch.setattr("golemnet.requestor.session.CREATE_S", 0.0)
    session = Session(client, clock=None, deal=Deal(), files=None)
    with pytest.raises(ProviderLost, match="Nobody knows"):
        await session.open()
    assert len(daemon.asked) == 1


class Deal:
    """As much of an agreement as an activity needs."""

    agreement_id = "one"

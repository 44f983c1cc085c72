"""A port of this machine that leads to an instance: what is told when nothing is there."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from aiohttp import web

from golemnet.requestor.published.service_state import ServiceState
from golemnet.requestor.published.socket_proxy import ProxyServer

HOST = "127.0.0.1"
SOON_S = 20.0


class Port(ProxyServer):
    """Asks a daemon that reaches nobody."""

    app_key, instance_ws = "key", ""


@pytest.fixture
async def daemon_url(unused_tcp_port):
    async def answer(request):
        return web.Response(status=502)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, unused_tcp_port).start()
    yield f"ws://{HOST}:{unused_tcp_port}/"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("state", "is_told"),
    [(ServiceState.starting, False), (ServiceState.running, True), (ServiceState.stopping, False)],
)
async def test_only_of_an_instance_that_should_be_there_people_are_told(state, is_told, daemon_url, caplog):
    caplog.set_level(logging.INFO)
    port = Port(None, SimpleNamespace(state=state), 8000, HOST, 0)
    port.instance_ws = daemon_url
    await port.run()
    reader, writer = await asyncio.open_connection(HOST, port.local_port)
    async with asyncio.timeout(SOON_S):
        assert await reader.read() == b""
    writer.close()
    await port.drain(SOON_S)
    told = [each.message for each in caplog.records if "no connection" in each.message]
    assert len(told) == is_told
    assert all(each.endswith("the daemon answers 502") for each in told)

"""A daemon that goes away and comes back: it is told once each, and the hint fits the shell."""

import asyncio

import pytest
from aiohttp import web

from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.transport import DaemonUnreachable

HOST = "127.0.0.1"


async def broken(request):
    return web.json_response({"message": "It is broken."}, status=500)


async def test_each_change_is_told_once(unused_tcp_port):
    told = []
    async with Client(f"http://{HOST}:{unused_tcp_port}", "key") as client:
        client.silence.tell = told.append
        for _ in "123":
            with pytest.raises(DaemonUnreachable):
                await client.identity.me()
        assert len(told) == 1
        assert told[0].startswith("the daemon does not answer; it is waited for")
        await asyncio.sleep(0.01)
        assert client.silence.lasted_s >= 0.01

        application = web.Application()
        application.router.add_get("/{path:.*}", broken)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, HOST, unused_tcp_port).start()
        try:
            for _ in "12":
                with pytest.raises(ApiError):
                    await client.identity.me()
        finally:
            await runner.cleanup()
        assert (told[1:], client.silence.lasted_s) == (["the daemon answers again"], 0.0)

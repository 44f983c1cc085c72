"""A web service at two machines: one is lost, more are wanted, then fewer; it outlives its Golem."""

import asyncio
import json
import signal
import time
from pathlib import Path

import aiohttp

from golemnet import Golem, http
from golemnet.requestor.events import InstanceFailed
from golemnet.requestor.summary import printer
from golemnet.sdk.errors import ServiceFailed

COMMAND = "cat /proc/sys/kernel/random/uuid > index.html; exec busybox httpd -f -p 8000"
HTTPD = {"image": "small", "port": 8000, "healthy": http("/index.html")}
SOCKETS = Path(__file__).parent / "websocket_server.py"
SOON_S = 20.0
say = printer(print)


async def visit(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(f"{url}/index.html") as answer:
        return await answer.text()


async def visits(service, count: int) -> int:
    """How many different instances answer, of so many requests."""
    async with aiohttp.ClientSession() as session:
        return len({await visit(session, service.url) for _ in range(count)})


async def first():
    failed, seen = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, seen.set)

    def hear(event):
        if isinstance(event, InstanceFailed):
            failed.set()
        say(event)

    async with (
        Golem(1.0, event_consumer=hear) as golem,
        golem.service(COMMAND, instances=2, **HTTPD) as service,
    ):
        print("running", await visits(service, 6), flush=True)
        await failed.wait()  # the test kills one
        await service.scale(3)
        print("scaled", len(service.urls), await visits(service, 9), flush=True)
        await service.scale(1)
        print("scaled", len(service.urls), await visits(service, 3), flush=True)
        async with aiohttp.ClientSession() as session:
            before = await visit(session, service.url)
            left = await service.suspend()
            print("suspended", flush=True)
            await seen.wait()  # by the test
            began = time.monotonic()
            async with golem.service(COMMAND, resume=left, **HTTPD) as again:
                same, seconds = await visit(session, again.url) == before, time.monotonic() - began
                print("went on", same, seconds < SOON_S, flush=True)
                return await again.suspend()


async def second(left):
    async with Golem(1.0, retries=1, event_consumer=say) as golem:
        async with golem.service(COMMAND, resume=left, **HTTPD) as service:
            print("resumed", len(service.urls), await visits(service, 3), flush=True)
        try:
            await golem.service("echo why >&2; exit 3", image="small", port=1).__aenter__()
        except ServiceFailed as error:
            print("failed", error.why)


async def third():
    """WebSockets by the address of the service."""
    serve = ["python3", SOCKETS.name]
    server = {"image": "python", "port": 8000, "files": [SOCKETS]}
    lost = asyncio.Event()

    def hear(event):
        if isinstance(event, InstanceFailed):
            lost.set()
        say(event)

    async with (
        Golem(1.0, event_consumer=hear) as golem,
        golem.service(serve, **server) as service,
        aiohttp.ClientSession() as session,
        session.ws_connect(service.url) as socket,
    ):
        await socket.send_str("hello")
        await socket.send_bytes(b"\0\1")
        heard = await socket.receive_str(), await socket.receive_bytes()
        async with session.ws_connect(service.url) as other:
            await other.close(code=4001)
            print("echoed", *heard, other.close_code, flush=True)
        last = await socket.receive()  # the test kills it
        print("ended", last.type.name, flush=True)
        await lost.wait()
        await service.scale(1)
        lost.clear()
        left = await service.suspend()
        print("suspended again", flush=True)
        await lost.wait()  # the test kills that one, too
        async with golem.service(serve, resume=left, **server) as anew:
            print("began anew", [each.is_ready for each in anew.instances], flush=True)


async def main():
    left = json.loads(json.dumps(await first()))
    await second(left)
    await third()


if __name__ == "__main__":
    asyncio.run(main())

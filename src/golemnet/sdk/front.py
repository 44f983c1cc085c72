"""One HTTP address for all instances of a service: each request goes to the next one that is ready."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp
from aiohttp import web

from golemnet.errors import GolemError
from golemnet.sdk.instances import HOST, Instance

MAX_BODY_BYTES = 1024**3
SILENCE_S = 300.0
DRAIN_S = 10.0
"""How long what is open may last when a service ends."""
# An instance that is dismissed waits for connections to end, so idle ones are not kept for long.
KEPT_S = 1.0
CHUNK_BYTES = 64 * 1024
# They are about one connection, and here are two of them.
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}
# What may be asked of another instance when one does not answer.
SAFE = {"GET", "HEAD", "OPTIONS"}


class Front:
    """A local HTTP server in front of instances.

    Args:
        instances: all that there are now.
        port: where it listens on this machine; any port that is free if it is 0.
    """

    def __init__(self, instances: Callable[[], Sequence[Instance]], port: int) -> None:
        self._instances = instances
        self._port = port
        self._turns = itertools.count()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    async def run(self) -> None:
        """Listen, until it is drained. Raises GolemError if the port is taken."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        silence = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S),
            timeout=silence,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=DRAIN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError as error:
            await self.drain()
            raise GolemError(f"Port {self._port} of this machine cannot be used.", why=str(error)) from error
        self._port = self._runner.addresses[0][1]

    async def drain(self) -> None:
        """Take no requests any more, and let those that are open come to their end."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        ready = [each for each in self._instances() if each.is_ready]
        if not ready:
            return web.Response(status=503, text="No instance is ready.\n", headers={"Retry-After": "1"})
        turn = next(self._turns) % len(ready)
        tries = [*ready[turn:], *ready[:turn]]
        if request.method not in SAFE or request.can_read_body:
            tries = tries[:1]
        for instance in tries:
            answer = await self._ask(instance, request)
            if answer is not None:
                return answer
        return web.Response(status=502, text="The instance does not answer.\n")

    async def _ask(self, instance: Instance, request: web.Request) -> web.StreamResponse | None:
        """The answer of an instance, passed on; None if it has not begun to answer."""
        kept = [each for each in request.headers.items() if each[0].lower() not in HOP_HEADERS]
        content = request.content if request.can_read_body else None
        try:
            asked = await self._session.request(
                request.method,
                f"{instance.url}{request.rel_url.raw_path_qs}",
                headers=kept,
                data=content,
                allow_redirects=False,
            )
        except (TimeoutError, aiohttp.ClientError):
            return None
        answer = web.StreamResponse(status=asked.status, reason=asked.reason)
        # a client that has gone away, or an instance that breaks off, ends the connection
        with suppress(ConnectionError, aiohttp.ClientError):
            async with asked:
                await _pass_on(asked, answer, request)
        return answer


async def _pass_on(asked: aiohttp.ClientResponse, answer: web.StreamResponse, request: web.Request) -> None:
    kept = [each for each in asked.headers.items() if each[0].lower() not in HOP_HEADERS]
    for name, value in kept:
        answer.headers.add(name, value)
    await answer.prepare(request)
    async for chunk in asked.content.iter_chunked(CHUNK_BYTES):
        await answer.write(chunk)
    await answer.write_eof()

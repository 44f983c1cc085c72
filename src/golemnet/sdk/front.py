"""One HTTP address for all instances of a service: each request goes to the next one that is ready.

Nothing is kept back on the way: contents are carried as they come, at the pace of who takes them, and a
connection that becomes another protocol's, such as a WebSocket, is joined with the instance's.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from golemnet.errors import GolemError
from golemnet.sdk.instances import HOST, Instance
from golemnet.sdk.joint import CHUNK_BYTES, SWITCHING, join

SILENCE_S = 300.0
"""After so long without a byte, what is open is given up."""
DRAIN_S = 10.0
"""How long what is open may last when a service ends."""
# An instance that is dismissed waits for connections to end, so idle ones are not kept for long.
KEPT_S = 1.0
# They are about one connection, and here are two of them. `Expect` is answered here.
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "expect"}
# What aiohttp would ask for on its own.
OWN_HEADERS = {"Accept", "Accept-Encoding", "Content-Type", "User-Agent"}
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
        self._open: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    async def run(self) -> None:
        """Listen, until it is drained. Raises GolemError if the port is taken."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        silence = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S),
            timeout=silence,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=OWN_HEADERS,
        )
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=DRAIN_S, auto_decompress=False
        )
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
        if runner is None:
            return
        ending = asyncio.get_running_loop().call_later(DRAIN_S, self._break_off)
        try:
            await runner.cleanup()
        finally:
            ending.cancel()
            await self._session.close()

    def _break_off(self) -> None:
        for task in self._open:
            task.cancel()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await self._answer(request)
        finally:
            self._open.discard(task)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
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
        try:
            asked = await self._session.request(
                request.method,
                f"{instance.url}{request.rel_url.raw_path_qs}",
                headers=_asking(request),
                data=_content(request.content) if request.can_read_body else None,
                allow_redirects=False,
            )
        except (TimeoutError, aiohttp.ClientError):
            return None
        answer = web.StreamResponse(status=asked.status, reason=asked.reason, headers=_kept(asked.headers))
        try:
            async with asked:
                await _pass_on(asked, answer, request)
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            # the client must not take what it has got for the whole
            answer.force_close()
            if request.transport is not None:
                request.transport.abort()
        return answer


async def _pass_on(asked: aiohttp.ClientResponse, answer: web.StreamResponse, request: web.Request) -> None:
    if asked.status == SWITCHING:
        answer.headers.update({"Connection": "Upgrade", "Upgrade": asked.headers.get("Upgrade", "")})
        await join(request, answer, asked, SILENCE_S)
        return
    await answer.prepare(request)
    async for chunk in asked.content.iter_chunked(CHUNK_BYTES):
        async with asyncio.timeout(SILENCE_S):
            await answer.write(chunk)
    await answer.write_eof()


async def _content(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """What a client sends, as long as it goes on. Raises TimeoutError."""
    while True:
        async with asyncio.timeout(SILENCE_S):
            chunk = await content.readany()
        if not chunk:
            return
        yield chunk


def _asking(request: web.Request) -> CIMultiDict[str]:
    """The headers for an instance, with the wish for another protocol if there is one."""
    headers = _kept(request.headers)
    if "upgrade" in _tokens(request.headers) and "Upgrade" in request.headers:
        headers.update({"Connection": "Upgrade", "Upgrade": request.headers["Upgrade"]})
    return headers


def _kept(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """Headers without those that are about one connection."""
    dropped = HOP_HEADERS | _tokens(headers)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _tokens(headers: MultiMapping[str]) -> set[str]:
    """What the header ``Connection`` names."""
    named = ",".join(headers.getall("Connection", ()))
    return {token.strip().lower() for token in named.split(",")}

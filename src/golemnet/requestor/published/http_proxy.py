"""A local HTTP server whose answers come from instances in a private network."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from abc import ABC

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from golemnet.errors import GolemError
from golemnet.requestor.published.chunks import WEBSOCKET_CHUNK_LIMIT, chunks
from golemnet.requestor.published.cluster import Cluster
from golemnet.requestor.published.service import Service
from golemnet.requestor.published.service_state import ServiceState
from golemnet.requestor.published.socket_proxy import app_key_of, websocket_of

DEFAULT_MAX_REQUEST_SIZE = 128 * 1024 * 1024
DEFAULT_TIMEOUT = 30.0
# They are about one connection, and here are two of them.
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "host"}
SIZE = re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n")

log = logging.getLogger("yapapi.contrib.service.http_proxy")


class Response:
    """The answer of an instance while it comes in; no I/O."""

    def __init__(self) -> None:
        self._data = b""
        self._chunked = b""
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()

    def receive(self, data: bytes) -> None:
        """Take in what has come. Raises ValueError if that is no HTTP."""
        self._data += data
        if not self.status and b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._read_head(head.decode("latin-1").split("\r\n"))

    def _read_head(self, lines: list[str]) -> None:
        self.status = int(lines[0].split()[1])
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.add(name.strip(), value.strip())

    @property
    def body(self) -> bytes | None:
        """All of the content, once it is there: it says how long it is, else its end does."""
        if not self.status:
            return None
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return dechunked(self._data)
        length = self.headers.get("Content-Length")
        if length is None or len(self._data) < int(length):
            return None
        return self._data[: int(length)]

    @property
    def rest(self) -> bytes:
        """What has come of the content."""
        return self._data


class HttpProxyService(Service, ABC):
    """Base of services that answer HTTP.

    Args:
        remote_port: where instances listen.
        remote_host: what requests call the host; by default what the client has called it.
        response_timeout: how long an answer may take.
    """

    def __init__(
        self,
        remote_port: int = 80,
        remote_host: str | None = None,
        response_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__()
        self._remote_port = remote_port
        self._remote_host = remote_host
        self._remote_response_timeout = response_timeout

    async def handle_request(self, request: web.BaseRequest) -> web.Response:
        """Have the instance answer."""
        content = await request.read()
        try:
            async with asyncio.timeout(self._remote_response_timeout):
                return await self._ask(self._head(request, len(content)) + content, request.method)
        except (TimeoutError, ValueError, aiohttp.ClientError, GolemError) as error:
            log.error("no answer of %s to %s: %s", self, request.path_qs, error or repr(error))
            return web.Response(status=502, text="Error retrieving the remote response.")

    def _head(self, request: web.BaseRequest, length: int) -> bytes:
        kept = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_HEADERS]
        host = self._remote_host or request.headers.get("Host", "localhost")
        more = [("Host", host), ("Connection", "close"), ("Content-Length", str(length))]
        lines = [f"{name}: {value}" for name, value in [*kept, *more]]
        return "\r\n".join([f"{request.method} {request.path_qs} HTTP/1.1", *lines, "", ""]).encode()

    async def _ask(self, message: bytes, method: str) -> web.Response:
        headers = {"Authorization": f"Bearer {app_key_of(self)}"}
        url = websocket_of(self, self._remote_port)
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as link:
            for piece in chunks(message, WEBSOCKET_CHUNK_LIMIT):
                await link.send_bytes(piece)
            return await _answer(link, method)


async def _answer(link: aiohttp.ClientWebSocketResponse, method: str) -> web.Response:
    response = Response()
    body: bytes | None = None
    while body is None:
        message = await link.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            break
        response.receive(message.data)
        body = b"" if response.status and method == "HEAD" else response.body
    if not response.status:
        raise ValueError("the connection has ended before the answer")
    kept = [each for each in response.headers.items() if each[0].lower() not in HOP_HEADERS]
    content = response.rest if body is None else body
    return web.Response(status=response.status, headers=CIMultiDict(kept), body=content)


class LocalHttpProxy:
    """A local HTTP server; the running instances answer in turn.

    Args:
        cluster: the instances.
        port: the local port.
        max_request_size: of a request's content, in bytes.
    """

    def __init__(
        self,
        cluster: Cluster[HttpProxyService],
        port: int,
        max_request_size: int = DEFAULT_MAX_REQUEST_SIZE,
    ) -> None:
        self._cluster = cluster
        self._port = port
        self._max_request_size = max_request_size
        self._turns = itertools.count()
        self._runner: web.AppRunner | None = None

    async def run(self) -> None:
        """Listen, until it is stopped."""
        application = web.Application(client_max_size=self._max_request_size)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        running = [each for each in self._cluster.instances if each.state is ServiceState.running]
        if not running:
            return web.Response(status=503, text="No service instances available.")
        return await running[next(self._turns) % len(running)].handle_request(request)


def dechunked(data: bytes) -> bytes | None:
    """The content that is in chunks; None if they are not all there."""
    content, at = b"", 0
    while (head := SIZE.match(data, at)) is not None:
        size, start = int(head[1], 16), head.end()
        if size == 0:
            return content
        if len(data) < start + size + 2:
            return None
        content, at = content + data[start : start + size], start + size + 2
    return None

"""Files of the web: fetched and sent within bounds of time, of redirects, and of where a script may reach."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.public_addresses import check_public

CHUNK_BYTES: Final = 256 * 1024
CONNECT_TIMEOUT_S: Final = 10.0
STALL_TIMEOUT_S: Final = 60.0
TOTAL_TIMEOUT_S: Final = 3600.0
MAX_REDIRECTS: Final = 10

_TIMEOUT = aiohttp.ClientTimeout(
    total=TOTAL_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S, sock_read=STALL_TIMEOUT_S
)

AddrInfo = tuple[Any, Any, int, str, Any]
"""As ``socket.getaddrinfo`` gives it."""


class Internet:
    """Fetches and sends what scripts name, which are strangers': not to the machines around the provider.

    Addresses are checked when they are connected to, after names are resolved and redirects followed.

    Args:
        registry_url: of the image registry that the provider's owner has chosen; it may be a neighbour.
    """

    def __init__(self, registry_url: str | None = None) -> None:
        self._registry_url = registry_url

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[tuple[AsyncIterator[bytes], int | None]]:
        """The content at ``url`` in chunks, and its size when the server says it.

        Raises:
            TransferFailed: no connection, or an answer other than a success.
        """
        async with self._answer("GET", url, None) as answer:
            yield chunks_of(answer, url), answer.content_length

    async def send(self, url: str, content: AsyncIterator[bytes], size: int | None) -> None:
        """PUT ``content`` to ``url``, in pieces if its size is not known. Raises TransferFailed."""
        async with self._answer("PUT", url, content, {} if size is None else {"Content-Length": str(size)}):
            return

    async def connector(self) -> aiohttp.TCPConnector:
        """Makes connections to the internet and to the registry; refuses others with PermissionError."""
        registry = await _places(self._registry_url) if self._registry_url else frozenset[tuple[str, int]]()

        def open_socket(place: AddrInfo) -> socket.socket:
            family, kind, protocol, _, address = place
            if address[:2] not in registry:
                check_public(address[0])
            return socket.socket(family, kind, protocol)

        return aiohttp.TCPConnector(socket_factory=open_socket)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        content: AsyncIterator[bytes] | None,
        headers: dict[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        connector = await self.connector()
        async with aiohttp.ClientSession(
            connector=connector, timeout=_TIMEOUT, auto_decompress=False
        ) as session:
            request = session.request(method, url, data=content, headers=headers, max_redirects=MAX_REDIRECTS)
            async with await _opened(request, url) as answer:
                if answer.status >= 400:
                    raise TransferFailed(f"{url} answers {answer.status} {answer.reason or ''}.".rstrip())
                yield answer


async def chunks_of(answer: aiohttp.ClientResponse, name: str) -> AsyncIterator[bytes]:
    """The body of ``answer``; a connection that breaks raises TransferFailed."""
    try:
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            yield chunk
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise _broken(name, error) from error


async def _places(url: str) -> frozenset[tuple[str, int]]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset((str(address[0]), int(address[1])) for *_, address in found)


async def _opened(request: aiohttp.client._RequestContextManager, url: str) -> aiohttp.ClientResponse:
    try:
        return await request
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _broken(url, error) from error


def _broken(name: str, error: BaseException) -> TransferFailed:
    return TransferFailed(f"The transfer with {name} broke off.", why=str(error) or type(error).__name__)

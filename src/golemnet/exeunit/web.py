"""Files of the web: fetched and sent within bounds of time, redirects and repetitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from golemnet.exeunit.errors import TransferFailed

CHUNK_BYTES: Final = 256 * 1024
CONNECT_TIMEOUT_S: Final = 10.0
STALL_TIMEOUT_S: Final = 60.0
TOTAL_TIMEOUT_S: Final = 3600.0
MAX_REDIRECTS: Final = 10

_TIMEOUT = aiohttp.ClientTimeout(
    total=TOTAL_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S, sock_read=STALL_TIMEOUT_S
)


@asynccontextmanager
async def fetch(url: str) -> AsyncIterator[tuple[AsyncIterator[bytes], int | None]]:
    """The content at ``url`` in chunks, and its size when the server says it.

    Raises:
        TransferFailed: no connection, or an answer other than a success.
    """
    async with _answer("GET", url, None) as answer:
        yield chunks_of(answer, url), answer.content_length


async def send(url: str, content: AsyncIterator[bytes], size: int) -> None:
    """PUT ``content`` to ``url``. Raises TransferFailed."""
    async with _answer("PUT", url, content, {"Content-Length": str(size)}):
        return


async def chunks_of(answer: aiohttp.ClientResponse, name: str) -> AsyncIterator[bytes]:
    """The body of ``answer``; a connection that breaks raises TransferFailed."""
    try:
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            yield chunk
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise _broken(name, error) from error


@asynccontextmanager
async def _answer(
    method: str, url: str, content: AsyncIterator[bytes] | None, headers: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as session:
        request = session.request(method, url, data=content, headers=headers, max_redirects=MAX_REDIRECTS)
        async with await _opened(request, url) as answer:
            if answer.status >= 400:
                raise TransferFailed(f"{url} answers {answer.status} {answer.reason or ''}.".rstrip())
            yield answer


async def _opened(request: aiohttp.client._RequestContextManager, url: str) -> aiohttp.ClientResponse:
    try:
        return await request
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _broken(url, error) from error


def _broken(name: str, error: BaseException) -> TransferFailed:
    return TransferFailed(f"The transfer with {name} broke off.", why=str(error) or type(error).__name__)

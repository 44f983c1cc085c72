"""Fetching a shared file of another node, and sending one, through the own daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from golemnet.errors import GolemError
from golemnet.gftp.messages import CHUNK_BYTES
from golemnet.gftp.refusals import MAX_BODY_BYTES, UNAUTHORIZED, key_refused, not_reached, said
from golemnet.gftp.urls import GftpUrl

FILES_PATH = "/gsb-api/v1/files"
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)


class TransferError(GolemError):
    """A file did not arrive."""


async def download(session: aiohttp.ClientSession, api_url: str, url: GftpUrl, target: Path) -> None:
    """Fetch ``url`` to ``target``, which is there only once all of it is.

    Raises:
        TransferError, DaemonNotReached: it did not arrive.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        async with session.get(_path(api_url, url), timeout=_TIMEOUT) as answer:
            await _check(answer, url)
            with part.open("wb") as file:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    await asyncio.to_thread(file.write, chunk)
        part.replace(target)
    except aiohttp.ClientConnectorError as error:
        raise not_reached(error) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TransferError(f"{url} could not be fetched.", why=str(error)) from error
    except OSError as error:
        raise TransferError(f"{target} cannot be written.", why=f"{error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


async def upload(session: aiohttp.ClientSession, api_url: str, source: Path, url: GftpUrl) -> None:
    """Send the file ``source`` to the place ``url``. Raises TransferError, DaemonNotReached."""
    try:
        headers = {"Content-Length": str((await asyncio.to_thread(source.stat)).st_size)}
        async with session.put(
            _path(api_url, url), data=_content(source), headers=headers, timeout=_TIMEOUT
        ) as answer:
            await _check(answer, url)
    except aiohttp.ClientConnectorError as error:
        raise not_reached(error) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TransferError(f"{source} could not be sent to {url}.", why=str(error)) from error
    except OSError as error:
        raise TransferError(f"{source} cannot be read.", why=f"{error.strerror or error}.") from error


async def _content(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


async def _check(answer: aiohttp.ClientResponse, url: GftpUrl) -> None:
    if answer.status == UNAUTHORIZED:
        raise key_refused()
    if answer.status >= 400:
        body = await answer.content.read(MAX_BODY_BYTES)
        raise TransferError(f"{url} cannot be reached.", why=said(answer.status, body))


def _path(api_url: str, url: GftpUrl) -> str:
    return f"{api_url}{FILES_PATH}/{url.node}/{url.file_id}"

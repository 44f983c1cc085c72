"""``gftp server``: shares files for the program that started it, by JSON-RPC lines on its input and output.

It ends with its input, and with it end the files that it shares. Nothing else may appear on its output, and
each answer is one write: published clients parse whatever one read gives them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golemnet.errors import GolemError
from golemnet.gftp.daemon_address import DaemonAddress
from golemnet.gftp.json_rpc import (
    FAILED,
    INVALID_PARAMETERS,
    MAX_LINE_BYTES,
    UNKNOWN_METHOD,
    Request,
    RpcError,
    error_line,
    parse_request,
    result_line,
    text_of,
    texts_of,
)

if TYPE_CHECKING:
    import aiohttp

    from golemnet.gftp.link import Link
    from golemnet.gftp.urls import GftpUrl

# Clients read the first word, and use `close` from 0.7.3 on.
VERSION = "0.7.3 (golemnet)"

Write = Callable[[bytes], Awaitable[None]]
_Method = Callable[["Methods", Request], Awaitable[Any]]


async def serve(reader: asyncio.StreamReader, write: Write, address: DaemonAddress) -> None:
    """Answer the requests of ``reader`` one after the other until it ends or one says ``shutdown``."""
    async with Methods(address) as methods:
        while line := await _next_line(reader, write):
            await write(await _answer(methods, line))
            if methods.is_shut_down:
                return


async def _next_line(reader: asyncio.StreamReader, write: Write) -> bytes:
    """The next line that is not empty; ``b""`` at the end."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            await write(error_line(RpcError(FAILED, f"A line may have {MAX_LINE_BYTES} bytes.")))
            return b""
        if not line or line.strip():
            return line


async def _answer(methods: Methods, line: bytes) -> bytes:
    try:
        request = parse_request(line)
        return result_line(request.id, await methods.run(request))
    except RpcError as error:
        return error_line(error)


class Methods:
    """What can be asked. The daemon is connected to in the background, from the start."""

    def __init__(self, address: DaemonAddress) -> None:
        self.is_shut_down = False
        self._address = address
        self._opening: asyncio.Task[tuple[Link, aiohttp.ClientSession]] | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Methods:
        self._opening = asyncio.create_task(self._open())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._opening is not None
        _, session = await self._opening
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running}, timeout=1)
        await session.close()

    async def run(self, request: Request) -> Any:
        """The result of ``request``. Raises RpcError."""
        method = _METHODS.get(request.method)
        if method is None:
            raise RpcError(UNKNOWN_METHOD, f"There is no method {request.method[:100]!r}.", request.id)
        try:
            return await method(self, request)
        except GolemError as error:
            raise RpcError(FAILED, str(error), request.id) from error

    async def version(self, _request: Request) -> str:
        """What this is."""
        return VERSION

    async def publish(self, request: Request) -> list[dict[str, str]]:
        """Share files."""
        link, _ = await self._opened()
        files = texts_of(request, "files")
        return [{"file": file, "url": str(await link.publish(Path(file)))} for file in files]

    async def close(self, request: Request) -> list[str]:
        """Share files no longer."""
        link, _ = await self._opened()
        return ["ok" if await link.close(url) else "error" for url in texts_of(request, "urls")]

    async def receive(self, request: Request) -> dict[str, str]:
        """Wait for a file."""
        link, _ = await self._opened()
        file = text_of(request, "output_file")
        return {"file": file, "url": str(await link.receive(Path(file)))}

    async def upload(self, request: Request) -> dict[str, str]:
        """Send a file to another node."""
        from golemnet.gftp import transfer

        _, session = await self._opened()
        file, url = text_of(request, "file"), _url_of(request)
        await transfer.upload(session, self._address.api_url, Path(file), url)
        return {"file": file, "url": str(url)}

    async def download(self, request: Request) -> dict[str, str]:
        """Fetch a file from another node."""
        from golemnet.gftp import transfer

        _, session = await self._opened()
        file, url = text_of(request, "output_file"), _url_of(request)
        await transfer.download(session, self._address.api_url, url, Path(file))
        return {"file": file, "url": str(url)}

    async def shutdown(self, _request: Request) -> str:
        """End, after this answer."""
        self.is_shut_down = True
        return "ok"

    async def _opened(self) -> tuple[Link, aiohttp.ClientSession]:
        assert self._opening is not None
        return await self._opening

    async def _open(self) -> tuple[Link, aiohttp.ClientSession]:
        # aiohttp takes 0.3 s to import; the first answers do not need it.
        await asyncio.to_thread(_import_link)
        from golemnet.gftp.link import Link, open_session

        session = open_session(self._address)
        link = Link(session, self._address.api_url)
        self._running = asyncio.create_task(link.run())
        return link, session


_METHODS: dict[str, _Method] = {
    "version": Methods.version,
    "publish": Methods.publish,
    "close": Methods.close,
    "receive": Methods.receive,
    "upload": Methods.upload,
    "download": Methods.download,
    "shutdown": Methods.shutdown,
}


def _import_link() -> None:
    import golemnet.gftp.link  # noqa: F401 - for its effect: the modules are loaded


def _url_of(request: Request) -> GftpUrl:
    from golemnet.gftp.urls import parse_url

    try:
        return parse_url(text_of(request, "url"))
    except ValueError as error:
        raise RpcError(INVALID_PARAMETERS, str(error), request.id) from error

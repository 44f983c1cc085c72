"""Calls of the service-bus API: services that a program answers, and files of other nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from golemnet.rest.gsb import MSGPACK, PREFIX, Listen, NewServices, ServicesResult
from golemnet.rest.transport import POLL_MARGIN_S, Transport, checked, segment

MAX_SERVICE_FRAME_BYTES = 16 * 1024 * 1024


class GsbClient:
    """Services and files."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def bind_services(self, on: str, components: list[str]) -> ServicesResult:
        """Register a service at the address ``on``."""
        body = NewServices(listen=Listen(on=on, components=components))
        return await self._transport.post(f"{PREFIX}/services", ServicesResult, body)

    async def unbind_services(self, services_id: str) -> None:
        """Remove a service."""
        await self._transport.call("DELETE", f"{PREFIX}/services/{segment(services_id)}")

    @asynccontextmanager
    async def service_messages(
        self, services_id: str, *, protocol: str = MSGPACK
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The WebSocket on which the service's calls arrive."""
        url = f"{self._transport.api_url}{PREFIX}/services/{segment(services_id)}"
        try:
            async with self._transport.session.ws_connect(
                url, protocols=(protocol,), max_msg_size=MAX_SERVICE_FRAME_BYTES
            ) as link:
                yield link
        except aiohttp.ClientConnectionError as error:
            raise self._transport.unreachable(error) from error

    @asynccontextmanager
    async def read_file(
        self, node_id: str, file_id: str, *, offset: int = 0, is_checked: bool = True
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A file that ``node_id`` publishes, from ``offset`` on; the answer's content is the stream.

        The daemon checks a file that is named by its hash, unless the caller says that he does it himself.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=POLL_MARGIN_S, sock_read=60)
        try:
            async with self._transport.session.get(
                self._file(node_id, file_id),
                params={} if is_checked else {"check": "no"},
                headers=headers,
                timeout=timeout,
            ) as answer:
                if answer.status >= 400:
                    await checked(answer)
                yield answer
        except aiohttp.ClientConnectionError as error:
            raise self._transport.unreachable(error) from error

    async def write_file(
        self, node_id: str, file_id: str, content: AsyncIterator[bytes], size: int | None = None
    ) -> None:
        """Send ``content`` to a place where ``node_id`` receives a file."""
        headers = {"Content-Type": "application/octet-stream"}
        if size is not None:
            headers["Content-Length"] = str(size)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=POLL_MARGIN_S)
        try:
            async with self._transport.session.put(
                self._file(node_id, file_id), data=content, headers=headers, timeout=timeout
            ) as answer:
                await checked(answer)
        except aiohttp.ClientConnectionError as error:
            raise self._transport.unreachable(error) from error

    def _file(self, node_id: str, file_id: str) -> str:
        return f"{self._transport.api_url}{PREFIX}/files/{segment(node_id)}/{segment(file_id)}"

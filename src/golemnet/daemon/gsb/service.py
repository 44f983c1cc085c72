"""Programs that answer other nodes, and the files of other nodes: what the bus API can do."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from golemnet.clock import Clock
from golemnet.daemon.gsb.bound_service import BoundService, ServiceFile
from golemnet.daemon.gsb.peers import FileServer, RemoteFiles
from golemnet.daemon.gsb.program_link import ProgramLink, Send
from golemnet.daemon.gsb.sharing import NOT_FOUND, Sharing
from golemnet.gftp.messages import Welcome, encode
from golemnet.gftp.urls import check_file_id
from golemnet.model.node_id import NodeId
from golemnet.net.errors import CallTimeout, NetError, RemoteError, Unreachable
from golemnet.net.network import Network
from golemnet.rest.errors import ApiError, BadRequest, Conflict, GatewayTimeout, InternalError, NotFound

FILE_PREFIX = "/public/gftp/"
READING = frozenset({"GetMetadata", "GetChunk"})
WRITING = frozenset({"UploadChunk", "UploadFinished"})
MAX_SERVICES = 10_000
MAX_ADDRESS = 500
MAX_COMPONENTS = 50


class Services:
    """Everything behind ``/gsb-api/v1``.

    Args:
        node_id: this node.
        network: to the others; its stream handlers for files are set here.
        clock: time.
    """

    def __init__(self, node_id: NodeId, network: Network, clock: Clock) -> None:
        self._node_id = node_id
        self._clock = clock
        self._sharing = Sharing()
        self._server = FileServer(network, self._sharing)
        self._remote = RemoteFiles(network)
        self._services: dict[str, BoundService] = {}
        self._files: dict[str, ServiceFile] = {}

    async def run(self, ready: asyncio.Event) -> None:
        """Hold the services until cancelled, then close their WebSockets."""
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            for services_id in list(self._services):
                await self._remove(services_id)

    # -- services ------------------------------------------------------------------------------------------

    def bind(self, owner: NodeId, address: str, components: list[str]) -> str:
        """Register a service; returns its id.

        Raises:
            BadRequest: the address or the components make no sense.
            Conflict: the address is taken.
        """
        _check(address, components)
        services_id = _id_of(address)
        if services_id in self._services:
            raise Conflict(f"The address {address} is taken.")
        if len(self._services) >= MAX_SERVICES:
            raise Conflict(f"{MAX_SERVICES} services are registered already.")
        service = BoundService(owner, address, frozenset(components))
        self._services[services_id] = service
        self._share(services_id, service)
        return services_id

    async def unbind(self, owner: NodeId, services_id: str) -> None:
        """Remove a service and close its WebSocket. Raises NotFound."""
        self.bound(owner, services_id)
        await self._remove(services_id)

    def bound(self, owner: NodeId, services_id: str) -> BoundService:
        """The service of ``owner``. Raises NotFound."""
        service = self._services.get(services_id)
        if service is None or service.owner != owner:
            raise NotFound("There is no such service.")
        return service

    # -- files ---------------------------------------------------------------------------------------------

    async def link(self, send: Send) -> ProgramLink:
        """A program's file link; ``send`` writes frames to it. The caller feeds and closes it."""
        await send(encode(Welcome(str(self._node_id))))
        return ProgramLink(self._sharing, send)

    @asynccontextmanager
    async def open_file(
        self, node: str, file_id: str, offset: int = 0, *, is_checked: bool = True
    ) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Size and content of a file that ``node`` shares; see ``RemoteFiles.open``. Raises ApiError."""
        place = _place(node, file_id)
        try:
            async with self._remote.open(*place, offset, is_checked=is_checked) as opened:
                yield opened
        except NetError as error:
            raise _as_api_error(error) from error

    async def send_file(
        self, node: str, file_id: str, content: AsyncIterator[bytes], size: int | None = None
    ) -> None:
        """Send ``content`` to where ``node`` waits for it. Raises ApiError."""
        place = _place(node, file_id)
        try:
            await self._remote.send(*place, content, size)
        except NetError as error:
            raise _as_api_error(error) from error

    def _share(self, services_id: str, service: BoundService) -> None:
        file_id = service.address.removeprefix(FILE_PREFIX)
        if file_id == service.address:
            return
        file = ServiceFile(service)
        self._files[services_id] = file
        if service.components >= READING:
            self._sharing.add_source(file_id, file)
        if service.components >= WRITING:
            self._sharing.add_sink(file_id, file)

    async def _remove(self, services_id: str) -> None:
        service = self._services.pop(services_id)
        file = self._files.pop(services_id, None)
        if file is not None:
            self._sharing.remove(service.address.removeprefix(FILE_PREFIX), file)
        await service.close()


def _check(address: str, components: list[str]) -> None:
    if not address.startswith("/") or len(address) > MAX_ADDRESS or not address.isprintable():
        raise BadRequest("A service has an address that begins with /, as /public/gftp/<id>.")
    if not 0 < len(components) <= MAX_COMPONENTS:
        raise BadRequest(f"A service answers 1 to {MAX_COMPONENTS} components.")


def _id_of(address: str) -> str:
    return base64.urlsafe_b64encode(address.encode()).rstrip(b"=").decode()


def _place(node: str, file_id: str) -> tuple[NodeId, str]:
    try:
        return NodeId.parse(node), check_file_id(file_id)
    except ValueError as error:
        raise BadRequest(f"This is not the address of a shared file: {error}.") from error


def _as_api_error(error: NetError) -> ApiError:
    match error:
        case RemoteError(code=code) if code == NOT_FOUND:
            return NotFound(error.message)
        case RemoteError(code="out-of-range"):
            return ApiError(error.message, status=416)
        case Unreachable() | CallTimeout():
            return GatewayTimeout(error.what, why=error.why)
    return InternalError(error.what, why=error.why)

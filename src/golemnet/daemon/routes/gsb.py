"""``/gsb-api/v1``: services that programs answer over WebSockets, and files of nodes as plain HTTP."""

from __future__ import annotations

import re

import msgspec
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from golemnet.daemon.gsb.bound_service import Channel
from golemnet.daemon.gsb.codecs import CODECS
from golemnet.daemon.gsb.service import Services
from golemnet.daemon.routes.codec import answer, body_of, identity_of
from golemnet.errors import GolemError
from golemnet.gftp import messages
from golemnet.rest.errors import ApiError
from golemnet.rest.gsb import FLEXBUFFERS, PREFIX, NewServices, ServicesResult

MAX_SERVICE_FRAME_BYTES = 16 * 1024 * 1024
HEARTBEAT_S = 30.0
CLOSE_TIMEOUT_S = 1.0
_RANGE = re.compile(r"bytes=(\d{1,18})-")

log = structlog.get_logger(__name__)


def routes(services: Services) -> list[web.RouteDef]:
    """The routes of this resource."""
    return [*_service_routes(services), *_file_routes(services)]


def _service_routes(services: Services) -> list[web.RouteDef]:
    async def bind_services(request: web.Request) -> web.Response:
        wanted = (await body_of(request, NewServices)).listen
        services_id = services.bind(identity_of(request), wanted.on, wanted.components)
        result = answer(ServicesResult(listen=wanted, services_id=services_id), status=201)
        result.headers["Location"] = f"{PREFIX}/services/{services_id}"
        return result

    async def unbind_services(request: web.Request) -> web.Response:
        await services.unbind(identity_of(request), request.match_info["services_id"])
        return answer()

    async def get_service_messages(request: web.Request) -> web.WebSocketResponse:
        service = services.bound(identity_of(request), request.match_info["services_id"])
        socket = _socket(protocols=tuple(CODECS), max_msg_size=MAX_SERVICE_FRAME_BYTES)
        await socket.prepare(request)
        channel = _channel(socket)
        await service.connect(channel)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.BINARY:
                    service.take(channel, frame.data)
        except ValueError as error:
            log.warning("a service answers what cannot be read", address=service.address, why=str(error))
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
        finally:
            service.disconnect(channel)
        return socket

    return [
        web.post(f"{PREFIX}/services", bind_services),
        web.delete(f"{PREFIX}/services/{{services_id}}", unbind_services),
        web.get(f"{PREFIX}/services/{{services_id}}", get_service_messages),
    ]


def _file_routes(services: Services) -> list[web.RouteDef]:
    async def link_files(request: web.Request) -> web.WebSocketResponse:
        socket = _socket(max_msg_size=messages.MAX_FRAME_BYTES)
        await socket.prepare(request)
        link = await services.link(socket.send_bytes)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.BINARY:
                    await link.take(frame.data)
        except msgspec.DecodeError as error:
            log.warning("a file link sends what cannot be read", why=str(error))
            await socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
        finally:
            link.close()
        return socket

    async def get_file(request: web.Request) -> web.StreamResponse:
        node, file_id = request.match_info["node"], request.match_info["file_id"]
        offset, is_checked = _offset(request), request.query.get("check") != "no"
        response = web.StreamResponse(status=206 if offset else 200)
        try:
            async with services.open_file(node, file_id, offset, is_checked=is_checked) as (size, content):
                _describe(response, offset, size)
                await response.prepare(request)
                async for chunk in content:
                    await response.write(chunk)
        except GolemError as error:
            if not response.prepared:
                raise
            _break_off(request, error)
        return response

    async def put_file(request: web.Request) -> web.Response:
        content = request.content.iter_chunked(messages.CHUNK_BYTES)
        place = request.match_info["node"], request.match_info["file_id"]
        await services.send_file(*place, content, request.content_length)
        return answer()

    return [
        web.get(f"{PREFIX}/files", link_files),
        web.get(f"{PREFIX}/files/{{node}}/{{file_id}}", get_file, allow_head=False),
        web.put(f"{PREFIX}/files/{{node}}/{{file_id}}", put_file),
    ]


def _socket(*, max_msg_size: int, protocols: tuple[str, ...] = ()) -> web.WebSocketResponse:
    return web.WebSocketResponse(
        protocols=protocols, max_msg_size=max_msg_size, heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S
    )


def _channel(socket: web.WebSocketResponse) -> Channel:
    async def close(why: str) -> None:
        code = WSCloseCode.POLICY_VIOLATION if why else WSCloseCode.OK
        await socket.close(code=code, message=why.encode())

    return Channel(CODECS[socket.ws_protocol or FLEXBUFFERS], socket.send_bytes, close)


def _offset(request: web.Request) -> int:
    """Where to begin; ranges of another form are not honoured, as HTTP allows."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    return int(match[1]) if match else 0


def _describe(response: web.StreamResponse, offset: int, size: int) -> None:
    if offset and offset >= size:
        raise ApiError(f"The file has {size} bytes.", status=416)
    response.content_type = "application/octet-stream"
    response.content_length = size - offset
    response.headers["Accept-Ranges"] = "bytes"
    if offset:
        response.headers["Content-Range"] = f"bytes {offset}-{size - 1}/{size}"


def _break_off(request: web.Request, error: GolemError) -> None:
    """End the connection: the length was promised already, so that the client sees that bytes are missing."""
    log.warning("a file broke off", path=request.path, why=str(error))
    if request.transport is not None:
        request.transport.abort()

"""The REST server of a node: one application on TCP (bearer keys) and on the owner's unix socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from golemnet.daemon.identity.service import Identities
from golemnet.daemon.routes.codec import APP_KEY, IDENTITY, IS_OWNER, KEY_NAME
from golemnet.errors import GolemError
from golemnet.rest.errors import InternalError, Unauthorized, body_of, status_of

MAX_BODY_BYTES = 4 * 1024 * 1024
KEEP_ALIVE_S = 60.0
GRACE_S = 0.5
MAX_SOCKET_PATH = 100
BACKLOG = 512
OWNER_KEY_NAME = "owner"
OPEN_PATHS = ("/version/get",)

log = structlog.get_logger(__name__)


class ServerError(GolemError):
    """The server cannot listen where it was told to."""


class Server:
    """Serves ``routes`` until cancelled.

    A request on the unix socket needs no key: it acts as the node's own identity and may do what only the
    owner may. The socket's file mode is the permission.
    """

    def __init__(
        self,
        routes: Iterable[web.AbstractRouteDef],
        identities: Identities,
        *,
        address: tuple[str, int],
        socket_path: Path,
        allow_origins: tuple[str, ...] = (),
    ) -> None:
        self._routes = list(routes)
        self._identities = identities
        self._address = address
        self._socket_path = socket_path
        self._origins = allow_origins
        self.api_url = ""

    async def run(self, ready: asyncio.Event) -> None:
        """Listen, then serve until cancelled; requests under way get half a second to end.

        Raises:
            ServerError: the address is taken or not ours.
        """
        middlewares = [_cross_origin(self._origins), _errors, _authentication(self._identities)]
        application = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
        application.add_routes(self._routes)
        runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            shutdown_timeout=GRACE_S,
            handler_cancellation=True,
        )
        await runner.setup()
        try:
            await self._listen(runner)
            ready.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            self._socket_path.unlink(missing_ok=True)

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self._address
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError as error:
            raise ServerError(
                f"The REST API cannot listen on {host}:{port}.",
                why=str(error),
                next_step="Stop the program that uses the port, or set YAGNA_API_URL to another.",
            ) from error
        self.api_url = f"http://{host}:{runner.addresses[0][1]}"
        await self._listen_to_owner(runner)

    async def _listen_to_owner(self, runner: web.AppRunner) -> None:
        if len(str(self._socket_path)) > MAX_SOCKET_PATH:
            raise ServerError(
                f"The path of the socket {self._socket_path} is too long.",
                why=f"The system allows {MAX_SOCKET_PATH} characters.",
                next_step="Choose a shorter YAGNA_DATADIR.",
            )
        self._socket_path.unlink(missing_ok=True)
        await web.SockSite(runner, _private_socket(self._socket_path), backlog=BACKLOG).start()


def _private_socket(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    # Nobody can connect before `listen`, so there is no moment at which the mode is too wide.
    path.chmod(0o600)
    return listener


def _authentication(identities: Identities) -> Middleware:
    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[IS_OWNER] = _is_local(request)
        request[IDENTITY] = identities.node_id
        request[KEY_NAME] = OWNER_KEY_NAME
        if not request[IS_OWNER] and request.path not in OPEN_PATHS:
            _check_key(request, identities)
        return await handler(request)

    return authenticate


def _check_key(request: web.Request, identities: Identities) -> None:
    """Give the request the name of its key; Unauthorized if there is none, or nobody knows it."""
    key = _bearer(request)
    if not key:
        raise Unauthorized("Missing application key")
    known = identities.authenticate(key)
    if known is None:
        raise Unauthorized("Invalid application key")
    request[KEY_NAME] = known.name
    request[APP_KEY] = known


def _bearer(request: web.Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return request.query.get("authToken", "")


def _is_local(request: web.Request) -> bool:
    connection = None if request.transport is None else request.transport.get_extra_info("socket")
    return connection is not None and connection.family == socket.AF_UNIX


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _error_answer(error.status, body_of(GolemError(error.reason)))
    except Exception as error:
        _report(request, error)
        return _error_answer(status_of(error), body_of(error))


def _report(request: web.Request, error: Exception) -> None:
    about = {"method": request.method, "path": request.path}
    if status_of(error) >= InternalError.status and not isinstance(error, GolemError):
        log.exception("request failed", **about)
    else:
        log.debug("request refused", **about, status=status_of(error), why=str(error))


def _error_answer(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _cross_origin(origins: tuple[str, ...]) -> Middleware:
    @web.middleware
    async def allow(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        allowed = bool(origin) and ("*" in origins or origin in origins)
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if is_preflight and allowed:
            return web.Response(headers={**_granted(origin), **_PREFLIGHT})
        response = await handler(request)
        if allowed and not response.prepared:
            response.headers.update(_granted(origin))
        return response

    return allow


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "3600",
}


def _granted(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

"""The image registry: a small web service that anybody can host.

Both forms in which clients have ever asked are answered: ``GET /image.<hash>.link`` (a text with the
image's address, 2020) and ``GET /v1/image/info?hash=|tag=`` (JSON with addresses, hash and size, since 2022).
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from golemnet.image.errors import ImageError, UnknownImage
from golemnet.image.info import ImageInfo
from golemnet.image.store import MAX_IMAGE_BYTES, ImageStore

log = structlog.get_logger(__name__)
_CHUNK = 256 * 1024
_SHUTDOWN_S = 2.0
WRONG_TOKEN = "An upload needs the registry's token."
NO_TOKEN = "The registry was started without a token: nobody can upload."
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Registry:
    """The registry over the images in ``directory``.

    Args:
        directory: see ``ImageStore``.
        token: what an upload must present; without one nobody can upload.
        public_url: how clients reach this service; by default what they called it in their request.
    """

    def __init__(self, directory: Path, token: str | None = None, public_url: str | None = None) -> None:
        self.store = ImageStore(directory)
        self._token = token
        self._public_url = public_url

    def application(self) -> web.Application:
        """The service as an aiohttp application."""
        application = web.Application(middlewares=[_errors_as_answers], client_max_size=MAX_IMAGE_BYTES)
        application.add_routes(
            [
                web.get("/image.{sha3}.link", self.link),
                web.get("/v1/image/info", self.info),
                web.get("/v1/images", self.images),
                web.get("/download/{sha3}", self.download),
                web.put("/upload", self.upload),
            ]
        )
        return application

    async def run(self, host: str, port: int, ready: asyncio.Event) -> None:
        """Serve at ``host:port`` until cancelled; ``ready`` is set once it listens."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            log.info("registry is up", host=host, port=port, uploads="by token" if self._token else "none")
            ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    async def link(self, request: web.Request) -> web.Response:
        """``GET /image.<hash>.link``: the image's address as text."""
        sha3 = request.match_info["sha3"]
        self.store.path(sha3)
        return web.Response(text=self._address(request, sha3))

    async def info(self, request: web.Request) -> web.Response:
        """``GET /v1/image/info?hash=`` or ``?tag=``: an ``ImageInfo``."""
        sha3 = request.query.get("hash") or self.store.tagged(request.query.get("tag", ""))
        path, address = self.store.path(sha3), self._address(request, sha3)
        return _json(ImageInfo(address, address, sha3, path.stat().st_size))

    async def images(self, request: web.Request) -> web.Response:
        """``GET /v1/images``: every tag and its hash."""
        return _json(self.store.tags())

    async def download(self, request: web.Request) -> web.FileResponse:
        """``GET /download/<hash>``: the image; a Range is honoured, so a download can be resumed."""
        path = self.store.path(request.match_info["sha3"])
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})

    async def upload(self, request: web.Request) -> web.Response:
        """``PUT /upload?tag=``: store the body; the answer is its ``ImageInfo``."""
        self._authorize(request)
        sha3 = await self.store.add(_chunks(request))
        if tag := request.query.get("tag"):
            self.store.set_tag(tag, sha3)
        address = self._address(request, sha3)
        log.info("image stored", sha3=sha3, tag=tag or "")
        return _json(ImageInfo(address, address, sha3, self.store.path(sha3).stat().st_size))

    def _address(self, request: web.Request, sha3: str) -> str:
        origin = self._public_url or f"{request.scheme}://{request.host}"
        return f"{origin.rstrip('/')}/download/{sha3}"

    def _authorize(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._token is None or not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPUnauthorized(text=WRONG_TOKEN if self._token else NO_TOKEN)


@web.middleware
async def _errors_as_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except UnknownImage as error:
        return web.Response(status=404, text=str(error))
    except ImageError as error:
        return web.Response(status=400, text=str(error))


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(_CHUNK):
        yield chunk


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")

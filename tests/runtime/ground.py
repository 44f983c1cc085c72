"""One activity for the behaviours to act on, and the register of these."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from msgspec.structs import replace

from golemnet.exeunit.capture import CapturePlan
from golemnet.exeunit.file_cache import FileCache
from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.locations import Inside, Web
from golemnet.exeunit.output import Emit, Outcome, follow
from golemnet.exeunit.transfers import Transfers
from golemnet.exeunit.volumes import Volumes
from golemnet.exeunit.web import Internet
from golemnet.rest.client import Client
from golemnet.runtime.driver import Driver, Limits

ALONE = "-alone"
"""A driver with this at the end shares no files of an image among activities."""
WAIT_S = 90.0  # emulated machines are slow
MIB = 1 << 20
LIMITS = Limits(memory_bytes=64 * MIB, storage_bytes=32 * MIB, cpu_cores=1.0, processes=24)

Behaviour = Callable[["Ground"], Awaitable[None]]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(check: Behaviour) -> Behaviour:
    """What has to be the same on every tier; it asserts. They come in the order of their text."""
    BEHAVIOURS[check.__name__] = check
    return check


def _quiet(_name: str, _text: object) -> None:
    return


class Shelf:
    """Files on the web: what is put there can be fetched again."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def start(self) -> str:
        """The address of the shelf."""
        app = web.Application(client_max_size=1 << 30)
        app.add_routes([web.get("/{name}", self._get), web.put("/{name}", self._put)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])

    async def _put(self, request: web.Request) -> web.Response:
        self.files[request.match_info["name"]] = await request.read()
        return web.Response()


class Ground:
    """An environment by ``driver``, used as an ExeUnit uses it; it shows ``files`` to commands."""

    files: ClassVar[Mapping[str, bytes]] = {}

    def __init__(
        self, driver: Driver, images: Path, shelf: Shelf, url: str, *, is_alone: bool = False
    ) -> None:
        self.driver = driver
        self._is_alone = is_alone
        self.shelf = shelf
        self._images = images
        self._url = url

    async def begin(self) -> None:
        """Deploy and start."""
        internet, sha3_224 = Internet(self._url), next(self._images.glob("*.gvmi")).stem
        image = await ImageCache(self._images, internet).get(sha3_224, f"{self._url}/image")
        # the tiers run as several users, none of whom takes files from another
        place = None if self._is_alone else self._images / f"unpacked-{os.geteuid()}" / sha3_224
        image = replace(image, files=self.files, unpacked=place)
        volumes = Volumes(await self.driver.deploy(image, LIMITS, {"EXTRA": "more"}))
        self._transfers = Transfers(
            Client(self._url, ""), internet, volumes, FileCache(self._images, "", 0), self.driver.room
        )
        await self.driver.start()

    async def leave(self) -> None:
        """What an ExeUnit does before it ends an environment."""

    async def run(self, command: str, *arguments: str, emit: Emit = _quiet) -> Outcome:
        """Run a command to its end, with both outputs streamed to ``emit`` and kept."""
        plan = CapturePlan(stream=True)
        process = await self.driver.run(command, arguments)
        try:
            return await asyncio.wait_for(follow(process, plan, plan, emit), WAIT_S)
        finally:
            await process.kill()

    async def bring(self, name: str, path: str, archive: str | None = None) -> None:
        """Transfer a file of the shelf to ``path`` in the environment."""
        await self._transfers.move(Web(f"{self._url}/{name}"), Inside(path), None, archive)

    async def fetch(self, path: str, name: str, archive: str | None = None) -> None:
        """Transfer ``path`` of the environment to the shelf."""
        await self._transfers.move(Inside(path), Web(f"{self._url}/{name}"), None, archive)

    async def shell(self, script: str, emit: Emit = _quiet) -> Outcome:
        """Run a script of the shell to its end."""
        return await self.run("/bin/sh", "-c", script, emit=emit)

    async def said(self, script: str) -> str:
        """What a script says that succeeds."""
        outcome = await self.shell(script)
        assert outcome.code == 0, outcome
        return str(outcome.stdout)

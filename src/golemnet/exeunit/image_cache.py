"""Images on this machine: by hash, fetched once, even when several ExeUnits want the same at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from golemnet.errors import GolemError
from golemnet.exeunit.errors import CommandFailed
from golemnet.exeunit.locations import Published, parse_location
from golemnet.exeunit.room import Kept, files, keep_within, mark_used
from golemnet.exeunit.transfers import Progress
from golemnet.exeunit.web import Internet, chunks_of
from golemnet.image import gvmi
from golemnet.image.client import RegistryClient
from golemnet.image.errors import NotAnImage
from golemnet.rest.client import Client
from golemnet.runtime import unpacked
from golemnet.runtime.driver import Image
from golemnet.runtime.file_lock import locked

MAX_LINK_BYTES: Final = 4096
MAX_IMAGE_BYTES: Final = 32 * 1024**3
LIMIT_BYTES: Final = 32 * 1024**3
"""What all images may use together, also those that are unpacked."""
UNPACKED: Final = "unpacked"


class ImageCache:
    """The folder ``directory``, shared by every ExeUnit of a provider.

    Args:
        directory: of the images.
        internet: reaches registries.
        client: of the provider's daemon, by which an image is fetched that a requestor's node has published.
        limit_bytes: of all together; what was not used for longest goes first.
    """

    def __init__(
        self,
        directory: Path,
        internet: Internet,
        client: Client | None = None,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._directory = directory
        self._unpacked = directory / UNPACKED
        self._limit_bytes = limit_bytes
        self._internet = internet
        self._client = client
        directory.mkdir(parents=True, exist_ok=True)

    async def get(self, sha3_224: str, url: str, progress: Progress | None = None) -> Image:
        """The image with this hash, from the cache or else from ``url`` (of a gvmi, or a ``.link`` to one).

        ``progress`` is told how much of it is here; all of it in the end, wherever it was.

        Raises:
            CommandFailed: it cannot be fetched, has another hash, or is not an image.
        """
        path = self._directory / f"{sha3_224}.gvmi"
        if not _is_file(path):
            await self._fetch(sha3_224, url, path, progress)
        try:
            mark_used(path)
            if progress:
                progress(path.stat().st_size, path.stat().st_size)
            return _read(path, self._unpacked / sha3_224)
        except (NotAnImage, OSError) as error:
            raise CommandFailed(f"The image {sha3_224} cannot be used.", why=str(error)) from error

    def tidy(self) -> None:
        """Keep within the bound; it blocks. An image goes with its unpacked files, once these are unused."""
        images = {path.stem: path for path in self._directory.glob("*.gvmi")}
        for name in unpacked.names(self._unpacked) - images.keys():
            unpacked.discard(self._unpacked / name)
        kept = {name: each for name, path in images.items() for each in files([path])}
        keep_within(self._limit_bytes, (self._with_unpacked(name, each) for name, each in kept.items()))

    def _with_unpacked(self, name: str, file: Kept) -> Kept:
        folder = self._unpacked / name
        size = file.size + unpacked.size_of(folder)
        return Kept(file.used_at, size, lambda: unpacked.discard(folder) and file.remove())

    async def _fetch(self, sha3_224: str, url: str, path: Path, progress: Progress | None) -> None:
        async with locked(path.with_suffix(".lock")):
            if _is_file(path):
                return
            try:
                location = parse_location(url)
                if isinstance(location, Published):
                    await self._fetch_published(location, sha3_224, path, progress)
                else:
                    await self._fetch_from_web(url, sha3_224, path, progress)
                await asyncio.to_thread(self.tidy)
            except (GolemError, ValueError, OSError) as error:
                raise CommandFailed(
                    f"The image {sha3_224} could not be fetched from {url}.",
                    why=str(error),
                    next_step="Check the image's hash, and that the registry has it.",
                ) from error

    async def _fetch_from_web(self, url: str, sha3_224: str, path: Path, progress: Progress | None) -> None:
        address = await self._followed(url)
        async with RegistryClient(address, connector=await self._internet.connector()) as registry:
            await registry.download(address, sha3_224, path, MAX_IMAGE_BYTES, progress)

    async def _fetch_published(
        self, source: Published, sha3_224: str, path: Path, progress: Progress | None
    ) -> None:
        """From a node. Raises GolemError, ValueError, OSError; nothing is kept then."""
        if self._client is None:
            raise ValueError("there is no daemon to fetch it by")
        part = path.with_suffix(".part")
        try:
            opened = self._client.gsb.read_file(source.node_id, source.file_id, is_checked=False)
            async with opened as answer:
                await _save(chunks_of(answer, source.file_id), part, progress)
            found = await asyncio.to_thread(gvmi.hash_image, part)
            if found != sha3_224:
                raise ValueError(f"its hash is {found}")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    async def _followed(self, url: str) -> str:
        """The address of the image itself: a ``.link`` is a text that holds it."""
        if not urlsplit(url).path.endswith(".link"):
            return url
        async with self._internet.fetch(url) as (content, _):
            text = b""
            async for chunk in content:
                text += chunk
                if len(text) > MAX_LINK_BYTES:
                    raise ValueError(f"{url} is too long for a link.")
        lines = text.decode("ascii").split()
        if not lines or urlsplit(lines[0]).scheme not in ("http", "https"):
            raise ValueError(f"{url} does not hold the address of an image.")
        return lines[0]


async def _save(content: AsyncIterator[bytes], file: Path, progress: Progress | None) -> None:
    size = 0
    with file.open("wb") as out:
        async for chunk in content:
            size += len(chunk)
            if size > MAX_IMAGE_BYTES:
                raise ValueError("it is too long for an image")
            await asyncio.to_thread(out.write, chunk)
            if progress:
                progress(size, None)


def _read(path: Path, place: Path) -> Image:
    config = gvmi.read_config(path)
    return Image(
        path=path,
        unpacked=place,
        env=config.environment,
        user=config.user or "",
        work_dir=config.work_dir or "",
        volumes=tuple(config.volume_paths),
    )


def _is_file(path: Path) -> bool:
    return path.is_file()

"""Bringing files into the environment and out of it, and folders as archives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import BinaryIO

from golemnet.errors import GolemError
from golemnet.exeunit.archives import ArchiveForm, form_of, pack, unpack
from golemnet.exeunit.bridges import consume, produce
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.file_cache import FileCache
from golemnet.exeunit.locations import Checked, Inside, Location, Published, Web
from golemnet.exeunit.volumes import Volumes, no_room
from golemnet.exeunit.web import CHUNK_BYTES, Internet, chunks_of
from golemnet.exeunit.zips import make_zip, unzip
from golemnet.gftp.content_names import is_content_name
from golemnet.rest.client import Client

Content = AsyncIterator[bytes]
Progress = Callable[[int, int | None], None]


class Transfers:
    """Moves files between volumes, other nodes (gftp through the daemon) and the web.

    Args:
        client: of the provider's own daemon.
        internet: as far as scripts may reach.
        volumes: of the deployed environment.
        files: those that the requestor has sent before.
        room: tells how many bytes may still be written there.
    """

    def __init__(
        self,
        client: Client,
        internet: Internet,
        volumes: Volumes,
        files: FileCache,
        room: Callable[[], Awaitable[int]],
    ) -> None:
        self._client = client
        self._internet = internet
        self._volumes = volumes
        self._files = files
        self._room = room

    async def move(
        self,
        source: Location,
        target: Location,
        progress: Progress | None = None,
        archive: str | None = None,
    ) -> None:
        """Copy ``source`` to ``target``; ``progress`` is told bytes done and the size if it is known.

        With the name of an ``archive`` format, what is in the environment is a folder, packed or unpacked.

        Raises:
            TransferFailed: with the reason; a target in the environment is then left as it was.
        """
        if not isinstance(source, Inside) and not isinstance(target, Inside):
            raise TransferFailed("One side of a transfer must be in the environment (container:/path).")
        form = None if archive is None else form_of(archive)
        async with self._read(source, form) as (content, size):
            watched = _watched(content, size, progress) if progress else content
            if isinstance(target, Inside) and form is not None and not isinstance(source, Inside):
                await self._unpack(target.path, watched, form)
            else:
                await self._write(target, watched, size)

    async def _unpack(self, folder: str, content: Content, form: ArchiveForm) -> None:
        room, volumes = await self._room(), self._volumes
        if form == "zip":
            await consume(content, lambda stream: unzip(stream, volumes, folder, room))
        else:
            await consume(content, lambda stream: unpack(stream, form, volumes, folder, room))

    def _pack(self, folder: str, form: ArchiveForm) -> AsyncGenerator[bytes, None]:
        if form == "zip":
            return produce(lambda sink: make_zip(self._volumes, folder, sink))
        return produce(lambda sink: pack(self._volumes, folder, sink, form))

    @asynccontextmanager
    async def _read(
        self, source: Location, form: ArchiveForm | None = None
    ) -> AsyncIterator[tuple[Content, int | None]]:
        match source:
            case Inside(path) if form is not None:
                async with aclosing(self._pack(path, form)) as packed:
                    yield packed, None
            case Inside(path):
                with self._volumes.open_to_read(path) as (file, size):
                    yield _chunks(file, size), size
            case Published(_, file_id) if is_content_name(file_id):
                async with self._files.get(file_id, lambda: self._open(source)) as opened:
                    yield opened
            case Checked(inner, digest):
                async with self._files.get(digest, lambda: self._open(inner)) as opened:
                    yield opened
            case Published() | Web():
                async with self._open(source) as opened:
                    yield opened

    def _open(self, source: Published | Web) -> AbstractAsyncContextManager[tuple[Content, int | None]]:
        match source:
            case Published(node_id, file_id):
                return self._open_published(node_id, file_id)
            case Web(url):
                return self._internet.fetch(url)

    @asynccontextmanager
    async def _open_published(self, node_id: str, file_id: str) -> AsyncIterator[tuple[Content, int | None]]:
        name = f"gftp://{node_id}/{file_id}"
        try:
            async with self._client.gsb.read_file(node_id, file_id, is_checked=False) as answer:
                yield chunks_of(answer, name), answer.content_length
        except TransferFailed:
            raise
        except GolemError as error:
            raise TransferFailed(f"The file {name} could not be fetched.", why=str(error)) from error

    async def _write(self, target: Location, content: Content, size: int | None) -> None:
        match target:
            case Inside(path):
                within = _within(content, await self._room(), path)
                with self._volumes.open_to_write(path) as file:
                    await _save(within, size, file)
            case Published(node_id, file_id):
                await self._publish(node_id, file_id, content, size)
            case Web(url):
                await self._internet.send(url, content, size)
            case Checked():
                raise TransferFailed("A hash checks what comes in, not where it goes to.")

    async def _publish(self, node_id: str, file_id: str, content: Content, size: int | None) -> None:
        try:
            await self._client.gsb.write_file(node_id, file_id, content, size)
        except TransferFailed:
            raise
        except GolemError as error:
            name = f"gftp://{node_id}/{file_id}"
            raise TransferFailed(f"The file could not be sent to {name}.", why=str(error)) from error


async def _save(content: Content, size: int | None, file: BinaryIO) -> None:
    written = 0
    async for chunk in content:
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]
        written += len(chunk)
    if size is not None and written != size:
        raise TransferFailed(f"The transfer broke off after {written} of {size} bytes.")


async def _chunks(file: BinaryIO, size: int) -> Content:
    """Exactly ``size`` bytes, whatever the payload does to the file meanwhile."""
    left = size
    while left:
        chunk = file.read(min(CHUNK_BYTES, left))
        if not chunk:
            raise TransferFailed("The file became shorter while it was sent.")
        left -= len(chunk)
        yield chunk


async def _within(content: Content, room: int, path: str) -> Content:
    """The content, as long as there is room for it."""
    async for chunk in content:
        room -= len(chunk)
        if room < 0:
            raise no_room(path)
        yield chunk


async def _watched(content: Content, size: int | None, progress: Progress) -> Content:
    done = 0
    async for chunk in content:
        yield chunk
        done += len(chunk)
        progress(done, size)

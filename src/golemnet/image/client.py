"""Talking to an image registry: find an image, fetch it (and continue where a fetch broke off), push one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from hashlib import sha3_224
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import aiohttp
import msgspec

from golemnet.image.errors import RegistryError, UnknownImage, WrongContent
from golemnet.image.gvmi import ImageConfig, config_in, is_image_hash
from golemnet.image.info import ImageInfo

DEFAULT_URL = "https://registry.golem.network"
ANSWER_TIMEOUT_S = 30.0
STALL_TIMEOUT_S = 60.0
ATTEMPTS = 5
UNAUTHORIZED = 401
TOKEN_HINT = "Set GOLEM_REGISTRY_TOKEN to the token that the registry was started with."
CONFIG_TAIL_BYTES = 64 * 1024
_CHUNK = 1024 * 1024

Progress = Callable[[int, int | None], None]
"""Is told bytes done, and the size if it is known."""
_PAUSE_S = 0.5


class RegistryClient:
    """The registry at ``url``; an asynchronous context manager.

    Args:
        url: origin of the service.
        token: needed by ``push`` alone.
        connector: makes the connections; aiohttp's own if None.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        token: str | None = None,
        *,
        connector: aiohttp.BaseConnector | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._connector = connector
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=STALL_TIMEOUT_S)
        self._http = aiohttp.ClientSession(connector=self._connector, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        await self._http.close()

    async def lookup(self, *, sha3: str | None = None, tag: str | None = None) -> ImageInfo:
        """Where the image with this hash or this tag is.

        Raises:
            UnknownImage: the registry does not have it.
            RegistryError: it cannot be reached or makes no sense.
        """
        query = {"hash": sha3} if sha3 else {"tag": tag or ""}
        try:
            async with (
                asyncio.timeout(ANSWER_TIMEOUT_S),
                self._session.get(f"{self._url}/v1/image/info", params=query) as answer,
            ):
                return await self._info(answer, sha3 or tag or "")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def download(
        self,
        url: str,
        sha3: str,
        target: Path,
        max_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch the image at ``url`` to ``target``, continuing what an attempt has left in ``<target>.part``.

        Raises:
            WrongContent: it does not have the hash ``sha3``; nothing is kept.
            RegistryError: it broke off ``ATTEMPTS`` times, or is longer than ``max_bytes``.
        """
        part = target.with_name(target.name + ".part")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._fetch(url, part, max_bytes, progress)
                break
            except (aiohttp.ClientError, TimeoutError) as error:
                if attempt == ATTEMPTS:
                    raise RegistryError(
                        f"The image could not be fetched from {url}.", why=str(error)
                    ) from error
                await asyncio.sleep(_PAUSE_S * attempt)
        await asyncio.to_thread(_verify, part, sha3)
        os.replace(part, target)
        return target

    async def config(self, info: ImageInfo) -> ImageConfig | None:
        """What an image says about itself, from its last bytes alone; None if it cannot be known so."""
        headers = {"Range": f"bytes=-{CONFIG_TAIL_BYTES}"}
        try:
            async with (
                asyncio.timeout(ANSWER_TIMEOUT_S),
                self._session.get(info.http or info.https, headers=headers) as answer,
            ):
                return config_in(await answer.read()) if answer.status == 206 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def push(self, image: Path, tag: str | None = None) -> ImageInfo:
        """Give the gvmi ``image`` to the registry.

        Raises:
            RegistryError: it refused (wrong token, not an image) or cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self._token or ''}"}
        try:
            with image.open("rb") as file:
                async with self._session.put(
                    f"{self._url}/upload", params={"tag": tag} if tag else {}, data=file, headers=headers
                ) as answer:
                    return await self._info(answer, image.name)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error

    async def _fetch(self, url: str, part: Path, max_bytes: int | None, progress: Progress | None) -> None:
        have = _size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._session.get(url, headers=headers) as answer:
            if answer.status == 416:
                # There is nothing after what we have: the hash decides whether that is the image.
                return
            if answer.status not in (200, 206):
                raise UnknownImage(f"{url} answers {answer.status}.")
            with part.open("ab" if answer.status == 206 else "wb") as file:
                await _save(answer, file, max_bytes, progress)

    async def _info(self, answer: aiohttp.ClientResponse, name: str) -> ImageInfo:
        if answer.status == 404:
            raise UnknownImage(
                f"The registry {self._url} has no image {name!r}.",
                next_step="Push it: gvmkit-build SOURCE --push, or check the hash.",
            )
        if answer.status != 200:
            raise RegistryError(
                f"The registry {self._url} refused with {answer.status}.",
                why=(await answer.text())[:500],
                next_step=TOKEN_HINT if answer.status == UNAUTHORIZED else "",
            )
        try:
            info = msgspec.json.decode(await answer.read(), type=ImageInfo)
        except msgspec.DecodeError as error:
            raise RegistryError(
                f"{self._url} does not answer like an image registry.", why=str(error)
            ) from error
        if not is_image_hash(info.sha3):
            raise RegistryError(f"{self._url} names an image by {info.sha3[:100]!r}, which is no hash.")
        return info

    @property
    def _session(self) -> aiohttp.ClientSession:
        assert self._http is not None, "use `async with RegistryClient(...)`"
        return self._http

    def _unreachable(self, error: Exception) -> RegistryError:
        return RegistryError(
            f"The registry {self._url} cannot be reached.",
            why=str(error) or type(error).__name__,
            next_step="Check GOLEM_REGISTRY_URL, or start one: golem registry run.",
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


async def _save(
    answer: aiohttp.ClientResponse, file: BinaryIO, max_bytes: int | None, progress: Progress | None
) -> None:
    left = answer.content_length
    size = None if left is None else file.tell() + left
    async for chunk in answer.content.iter_chunked(_CHUNK):
        if max_bytes is not None and file.tell() + len(chunk) > max_bytes:
            file.truncate(0)
            raise RegistryError(f"The image at {answer.url} has more than {max_bytes} bytes.")
        file.write(chunk)
        if progress:
            progress(file.tell(), size)


def _verify(part: Path, sha3: str) -> None:
    digest = sha3_224()
    with part.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha3:
        part.unlink()
        raise WrongContent(
            f"The image that was fetched is not {sha3}.", why=f"Its hash is {digest.hexdigest()}."
        )

"""The registry's folder: images by hash, tags, and uploads that become visible only when they are complete.

Layout: ``images/<sha3-224>.gvmi``, ``tags.json`` (tag to hash), ``upload-*.part``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from hashlib import sha3_224
from pathlib import Path
from typing import BinaryIO

import msgspec

from golemnet.image.errors import NotAnImage, RegistryError, UnknownImage
from golemnet.image.gvmi import hash_image, is_image_hash, read_config

MAX_IMAGE_BYTES = 64 * 1024**3
MAX_TAGS = 10_000
_TAG = re.compile(r"[a-z0-9][a-z0-9._/-]{0,199}(:[A-Za-z0-9._-]{1,100})?")


class ImageStore:
    """Images in the folder ``directory``, which is created if it is not there. One process at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._images = directory / "images"
        self._images.mkdir(parents=True, exist_ok=True)
        for left_over in directory.glob("upload-*.part"):
            left_over.unlink(missing_ok=True)

    def path(self, sha3: str) -> Path:
        """The file of the image ``sha3``. Raises UnknownImage."""
        path = self._images / f"{sha3}.gvmi"
        if not is_image_hash(sha3) or not path.is_file():
            raise UnknownImage(f"The registry has no image {sha3[:100]!r}.")
        return path

    def tagged(self, tag: str) -> str:
        """The hash of the image with this tag; the version is ``latest`` if none is named."""
        try:
            return self.tags()[full_tag(tag)]
        except (KeyError, ValueError) as error:
            raise UnknownImage(f"The registry has no image tagged {tag[:100]!r}.") from error

    def tags(self) -> dict[str, str]:
        """Every tag and its image's hash."""
        try:
            return msgspec.json.decode((self._directory / "tags.json").read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}

    def set_tag(self, tag: str, sha3: str) -> None:
        """Let ``tag`` name the image ``sha3``, whatever it named before."""
        self.path(sha3)
        try:
            tags = {**self.tags(), full_tag(tag): sha3}
        except ValueError as error:
            raise RegistryError(
                f"{tag[:100]!r} cannot be a tag.", next_step="Use name/image:version."
            ) from error
        if len(tags) > MAX_TAGS:
            raise RegistryError(f"The registry has more than {MAX_TAGS} tags.")
        part = self._directory / "tags.json.part"
        part.write_bytes(msgspec.json.encode(tags, order="sorted"))
        os.replace(part, self._directory / "tags.json")

    async def add(self, content: AsyncIterator[bytes]) -> str:
        """Store what ``content`` yields and return its hash.

        Raises:
            NotAnImage: it is no gvmi; nothing is stored.
            RegistryError: it is too big.
        """
        descriptor, name = tempfile.mkstemp(prefix="upload-", suffix=".part", dir=self._directory)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                sha3 = await _receive(content, file)
            read_config(part)
            os.chmod(part, 0o644)
            os.replace(part, self._images / f"{sha3}.gvmi")
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
        return sha3

    def adopt(self, image: Path, sha3: str = "") -> str:
        """Put an image of this machine into the registry and return its hash, by a hard link if possible.

        Args:
            image: the file; it is not written to afterwards.
            sha3: its hash, if whoever built it has noted it: hashing takes longer than all else.

        Raises:
            NotAnImage: it is no gvmi.
        """
        read_config(image)
        sha3 = sha3 or hash_image(image)
        target = self._images / f"{sha3}.gvmi"
        if not target.exists():
            _link_or_copy(image, target)
        return sha3


def full_tag(tag: str) -> str:
    """``tag`` with its version, ``latest`` when it names none. Raises ValueError when it is malformed."""
    if not _TAG.fullmatch(tag) or ".." in tag:
        raise ValueError("not a tag")
    return tag if ":" in tag else f"{tag}:latest"


async def _receive(content: AsyncIterator[bytes], file: BinaryIO) -> str:
    digest, size = sha3_224(), 0
    async for chunk in content:
        size += len(chunk)
        if size > MAX_IMAGE_BYTES:
            raise RegistryError(f"The image has more than {MAX_IMAGE_BYTES} bytes.")
        digest.update(chunk)
        file.write(chunk)
    if size == 0:
        raise NotAnImage("The upload is empty.")
    return digest.hexdigest()


def _link_or_copy(source: Path, target: Path) -> None:
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)

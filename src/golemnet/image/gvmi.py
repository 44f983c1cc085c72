"""The gvmi format: one file that is an execution environment, named by its SHA3-224.

::

    squashfs 4.0 image, padded to 4096 bytes
    u32, little endian: CRC-32 (IEEE) of the JSON
    JSON: how the environment is set up, in the words of docker's ContainerConfig
    8 decimal digits, zero-padded: length of the JSON

A file of this form can be mounted as it is: the kernel ignores what follows the squashfs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from golemnet.image.errors import NotAnImage

MAX_CONFIG_BYTES = 1024 * 1024
MAX_VOLUMES = 64
MAX_VARIABLES = 1000
_MAGIC = b"hsqs"
_CRC = struct.Struct("<I")
_DIGITS = 8
_CHUNK = 1024 * 1024
_USER = re.compile(r"(\d{1,10}(:\d{1,10})?)?")
_HASH = re.compile(r"[0-9a-f]{56}")


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the environment is set up. The names on disk are docker's; null there means empty.

    ``user`` is ``uid[:gid]``, numeric, empty for root; ``volumes`` are the absolute paths of folders that
    are writable and survive from command to command; ``env`` holds ``NAME=value``.
    """

    env: Sequence[str] | None = msgspec.field(default=(), name="Env")
    cmd: Sequence[str] | None = msgspec.field(default=(), name="Cmd")
    entrypoint: Sequence[str] | None = msgspec.field(default=(), name="Entrypoint")
    user: str | None = msgspec.field(default="", name="User")
    work_dir: str | None = msgspec.field(default="", name="WorkingDir")
    volumes: Mapping[str, object] | None = msgspec.field(default={}, name="Volumes")
    labels: Mapping[str, str] | None = msgspec.field(default={}, name="Labels")

    @property
    def environment(self) -> dict[str, str]:
        """The variables as a mapping; the last one of a name wins."""
        return dict(entry.split("=", 1) for entry in self.env or ())

    @property
    def volume_paths(self) -> list[str]:
        """The volumes' paths, sorted."""
        return sorted(self.volumes or ())


def read_config(path: Path) -> ImageConfig:
    """The metadata of the gvmi at ``path``.

    Raises:
        NotAnImage: it is not a gvmi, or its metadata is damaged or senseless.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise _not_an_image(path, "It does not begin with a squashfs.")
        try:
            return decode_config(_read_json(file))
        except ValueError as error:
            raise _not_an_image(path, str(error)) from error


def config_in(tail: bytes) -> ImageConfig:
    """The metadata in the last bytes of a gvmi. Raises ValueError if it is damaged or longer than these."""
    return decode_config(_read_json(io.BytesIO(tail)))


def append_config(squashfs: Path, config: ImageConfig) -> None:
    """Make a gvmi of the file ``squashfs`` by writing ``config`` at its end.

    Raises:
        ValueError: ``config`` makes no sense (``decode_config``).
    """
    body = msgspec.json.encode(config, order="sorted")
    decode_config(body)
    with squashfs.open("ab") as file:
        file.write(_CRC.pack(zlib.crc32(body)) + body + b"%08d" % len(body))


def decode_config(body: bytes) -> ImageConfig:
    """Read the JSON of the metadata and check what a runtime relies on.

    Raises:
        ValueError: it is no such JSON; or a volume, a variable or the user is malformed.
    """
    if len(body) > MAX_CONFIG_BYTES:
        raise ValueError(f"Its metadata has more than {MAX_CONFIG_BYTES} bytes.")
    config = msgspec.json.decode(body, type=ImageConfig)
    _check_variables(config.env or ())
    _check_volumes(config.volumes or {})
    if not _USER.fullmatch(config.user or ""):
        raise ValueError(f"The user {config.user!r} is not of the form uid:gid.")
    if config.work_dir and not _is_plain(config.work_dir):
        raise ValueError(f"The working directory {config.work_dir!r} is not an absolute path.")
    return config


def hash_image(path: Path) -> str:
    """SHA3-224 of the whole file as 56 hex digits: the image's name."""
    digest = hashlib.sha3_224()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_image_hash(text: str) -> bool:
    """Whether ``text`` can be the name of an image."""
    return bool(_HASH.fullmatch(text))


def _not_an_image(path: Path, why: str) -> NotAnImage:
    return NotAnImage(
        f"{path.name} is not a gvmi image.", why=why, next_step="Make one of its source: gvmkit-build SOURCE."
    )


def _read_json(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    length = _read_length(file, size)
    start = size - _DIGITS - length
    file.seek(start - _CRC.size)
    (expected,) = _CRC.unpack(file.read(_CRC.size))
    body = file.read(length)
    if zlib.crc32(body) != expected:
        raise ValueError("The checksum of its metadata is wrong.")
    return body


def _read_length(file: BinaryIO, size: int) -> int:
    file.seek(max(0, size - _DIGITS))
    digits = file.read(_DIGITS)
    if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ValueError("It has no metadata at its end.")
    length = int(digits)
    if length > min(MAX_CONFIG_BYTES, size - _DIGITS - _CRC.size):
        raise ValueError("The length of its metadata is wrong.")
    return length


def _check_variables(env: Sequence[str]) -> None:
    if len(env) > MAX_VARIABLES:
        raise ValueError(f"It sets more than {MAX_VARIABLES} variables.")
    for entry in env:
        name, separator, _ = entry.partition("=")
        if not name or not separator or "\0" in entry:
            raise ValueError(f"The variable {entry[:100]!r} is not of the form NAME=value.")


def _check_volumes(volumes: Mapping[str, object]) -> None:
    if len(volumes) > MAX_VOLUMES:
        raise ValueError(f"It has more than {MAX_VOLUMES} volumes.")
    for path in volumes:
        if path == "/" or not _is_plain(path):
            raise ValueError(f"The volume {path[:100]!r} is not a plain absolute path.")


def _is_plain(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/") and "\0" not in path and len(path) <= 4096

"""A folder or a tar archive that holds blobs by name: what docker archives and OCI layouts have in common."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from golemnet.image.errors import BadSource
from golemnet.image.tree import split_path

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_LAYER_BYTES = 32 * 1024**3
SOURCES = "Give an archive by `docker save`, an OCI layout, a root folder, or a tar of one."
_CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class Bundle:
    """Blobs by name, from a folder or a tar archive; ``scratch`` is where unpacked layers go."""

    def __init__(self, folder: Path | None, archive: tarfile.TarFile | None, scratch: Path) -> None:
        self._folder = folder
        self._archive = archive
        self._scratch = scratch
        self.plain_tar = scratch / "source.tar"

    @classmethod
    @contextmanager
    def open(cls, path: Path, scratch: Path) -> Iterator[Bundle]:
        """Open the folder or archive (plain, gzip or zstd) at ``path``.

        Raises:
            BadSource: it is neither.
        """
        if path.is_dir():
            yield cls(path, None, scratch)
            return
        plain = scratch / "source.tar"
        with path.open("rb") as packed:
            unpack(packed, plain)
        try:
            with tarfile.open(plain, "r:") as archive:
                yield cls(None, archive, scratch)
        except tarfile.TarError as error:
            raise BadSource(
                f"{path} is neither a folder nor a tar archive.", why=str(error), next_step=SOURCES
            ) from error

    def has(self, name: str) -> bool:
        """Whether there is a blob of this name."""
        try:
            self._open(name).close()
        except BadSource:
            return False
        return True

    def read_json(self, name: str) -> Any:
        """The JSON document ``name``. Raises BadSource when it is missing, too big or no JSON."""
        with self._open(name) as file:
            body = file.read(MAX_JSON_BYTES + 1)
        try:
            return msgspec.json.decode(body[:MAX_JSON_BYTES])
        except msgspec.DecodeError as error:
            raise BadSource(f"{name} in the source is not valid JSON.", why=str(error)) from error

    def unpack_layer(self, name: str, digest: str | None) -> Path:
        """The layer ``name`` as a plain tar file; its bytes must have ``digest`` (``sha256:..``)."""
        with self._open(name) as file:
            if digest and f"sha256:{_sha256(file)}" != digest:
                raise BadSource(f"The layer {digest} is damaged: its content has another hash.")
            file.seek(0)
            layer = self._scratch / f"layer-{len(list(self._scratch.iterdir()))}.tar"
            unpack(file, layer)
        return layer

    def _open(self, name: str) -> IO[bytes]:
        parts = split_path(name)
        if self._folder is not None:
            return _open_file(self._folder.joinpath(*parts), self._folder)
        assert self._archive is not None
        for spelling in ("/".join(parts), "./" + "/".join(parts)):
            try:
                content = self._archive.extractfile(spelling)
            except (KeyError, tarfile.TarError):
                continue
            if content is not None:
                return content
        raise BadSource(f"The source has no {name!r}.")


def unpack(packed: IO[bytes], out: Path) -> None:
    """Copy ``packed`` to ``out``, decompressed when it begins like gzip or zstd.

    Raises:
        BadSource: it is damaged, or bigger than ``MAX_LAYER_BYTES``.
    """
    with out.open("wb") as plain:
        try:
            _copy(_reader(packed), plain)
        except (OSError, EOFError, ValueError) as error:
            raise BadSource("A compressed archive is damaged.", why=str(error)) from error


def _reader(packed: IO[bytes]) -> IO[bytes]:
    start = packed.read(4)
    packed.seek(0)
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed)  # type: ignore[return-value]
    if start == _ZSTD:
        return _zstd(packed)
    return packed


def _zstd(packed: IO[bytes]) -> IO[bytes]:
    import zstandard

    return zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)  # type: ignore[return-value]


def _copy(source: IO[bytes], out: IO[bytes]) -> None:
    left = MAX_LAYER_BYTES
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise ValueError(f"It has more than {MAX_LAYER_BYTES} bytes.")
        out.write(chunk)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _open_file(path: Path, folder: Path) -> IO[bytes]:
    # A link in a hostile layout must not make a file of this machine part of an image.
    inside = path.resolve().is_relative_to(folder.resolve())
    if not inside or not path.is_file():
        raise BadSource(f"The source has no {path.name!r}.")
    return path.open("rb")

"""Folders of the environment as archives: tar and tar.gz, read and written as streams, within bounds.

``zips.py`` is the same for zip.

Everything here blocks; ``transfers.py`` runs it beside the loop. An archive is a stranger's: only plain files
and folders are taken from it, below the folder that was named, no more than there is room for, and no entry
may make us remember much. The host opens nothing by the names in it, but through ``Volumes``.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.volumes import Volumes, no_room

MAX_ENTRIES: Final = 100_000
MAX_HEADER_BYTES: Final = 64 * 1024
COPY_BYTES: Final = 256 * 1024

Compression = Literal["none", "gzip"]
ArchiveForm = Literal["none", "gzip", "zip"]
_FORMS: Final[dict[str, ArchiveForm]] = {"tar": "none", "tar.gz": "gzip", "tgz": "gzip", "zip": "zip"}
_READ: Final[dict[Compression, Literal["r|", "r|gz"]]] = {"none": "r|", "gzip": "r|gz"}
_WRITE: Final[dict[Compression, Literal["w|", "w|gz"]]] = {"none": "w|", "gzip": "w|gz"}
_FAULTS: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, RuntimeError, OSError, ValueError),
)
_HEADERS: Final = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class _Entry(tarfile.TarInfo):
    """Refuses headers that go on for ever: they would be read into memory as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Entry:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _HEADERS and entry.size > MAX_HEADER_BYTES:
            raise tarfile.TarError(f"a header has {entry.size} bytes")
        if entry.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.TarError("files with holes are not understood")
        return entry

    def _proc_gnusparse_10(self, *_: object) -> None:
        """The map of a file with holes: a list that is as long as the archive says."""
        raise tarfile.TarError("files with holes are not understood")


def form_of(name: str) -> ArchiveForm:
    """What the archive format ``name`` stands for. Raises TransferFailed if it is not known."""
    if name not in _FORMS:
        raise TransferFailed(
            f"Transfers do not understand the format {name[:40]!r}.",
            next_step=f"Use one of {', '.join(_FORMS)}, or send the file as it is.",
        )
    return _FORMS[name]


def unpack(stream: BinaryIO, compression: Compression, volumes: Volumes, folder: str, room: int) -> None:
    """Write what is in the archive below ``folder``; at most ``room`` bytes. Raises TransferFailed."""
    with understood(), tarfile.open(fileobj=stream, mode=_READ[compression], tarinfo=_Entry) as archive:
        for number, entry in enumerate(archive):
            if number >= MAX_ENTRIES:
                raise TransferFailed(f"The archive has more than {MAX_ENTRIES} entries.")
            room -= _unpack_entry(archive, entry, volumes, folder, room)


def _unpack_entry(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, volumes: Volumes, folder: str, room: int
) -> int:
    """Write one entry; the bytes that it has."""
    path = below(folder, entry.name)
    if entry.isdir():
        volumes.make_folder(path)
        return 0
    content = archive.extractfile(entry) if entry.isfile() else None
    if content is None:
        raise TransferFailed(f"The archive's entry {entry.name[:200]!r} is no plain file and no folder.")
    if entry.size < 0:
        raise TransferFailed(f"The archive's entry {entry.name[:200]!r} has less than no bytes.")
    if entry.size > room:
        raise no_room(path)
    with volumes.open_to_write(path) as file:
        os.fchmod(file.fileno(), entry.mode & 0o755 | 0o600)
        while chunk := content.read(COPY_BYTES):
            write_all(file, chunk)
    return entry.size


def below(folder: str, name: str) -> str:
    """The path of an archive's entry ``name``. Raises TransferFailed if it is not below ``folder``."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise TransferFailed(f"The archive's entry {name[:200]!r} leads out of the archive.")
    return "/".join((folder.rstrip("/"), *parts))


def write_all(file: BinaryIO, chunk: bytes) -> None:
    """Write the whole chunk to a file without a buffer."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def pack(volumes: Volumes, folder: str, sink: BinaryIO, compression: Compression) -> None:
    """Write the plain files and folders below ``folder`` as an archive to ``sink``. Raises TransferFailed."""
    with (
        understood(),
        volumes.open_folder(folder) as (root, capacity),
        tarfile.open(fileobj=sink, mode=_WRITE[compression]) as archive,
    ):
        for place, name, opened in entries_of(root):
            capacity = less(capacity, opened, folder)
            _pack_entry(archive, os.path.join(place, name), opened)


def less(capacity: int, opened: int, folder: str) -> int:
    """The capacity without an open file. Raises TransferFailed if it is larger: it must be full of holes."""
    status = os.fstat(opened)
    capacity -= status.st_size if stat.S_ISREG(status.st_mode) else 0
    if capacity < 0:
        raise TransferFailed(f"container:{folder} holds more than the disk that it is on.")
    return capacity


def entries_of(root: int) -> Iterator[tuple[str, str, int]]:
    """Folder, name and open file of each entry; links, pipes and devices are left out."""
    for place, folders, names, descriptor in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        for name in sorted(folders) + sorted(names):
            try:
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
            except OSError:
                continue
            try:
                yield place, name, opened
            finally:
                os.close(opened)


def _pack_entry(archive: tarfile.TarFile, path: str, opened: int) -> None:
    status = os.fstat(opened)
    entry = tarfile.TarInfo(os.path.normpath(path))
    entry.mode, entry.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    elif stat.S_ISREG(status.st_mode):
        entry.size = status.st_size
        with os.fdopen(os.dup(opened), "rb") as file:
            archive.addfile(entry, file)


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Whatever an archive breaks by is the archive's fault."""
    try:
        yield
    except _FAULTS as error:
        raise TransferFailed("The archive cannot be read or written.", why=str(error)[:200]) from error

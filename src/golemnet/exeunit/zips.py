"""Folders of the environment as zip archives, under the same bounds as other archives (``archives.py``).

What is in a zip stands at its end, so one that comes in is first written to the disk of the activity, to a
file without a name. Python reads the list of entries into memory: it may have ``MAX_DIRECTORY_BYTES``.
"""

from __future__ import annotations

import os
import stat
import time
import zipfile
from typing import IO, BinaryIO, Final

from golemnet.exeunit.archives import COPY_BYTES, MAX_ENTRIES, below, entries_of, less, understood, write_all
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.volumes import Volumes, no_room

MAX_DIRECTORY_BYTES: Final = 8 * 1024**2
BIG_BYTES: Final = 1024**3
ENCRYPTED: Final = 1
# a zip knows the years from 1980 to 2107
EARLIEST_S, LATEST_S = 315_532_800, 4_354_819_199
_UNDERSTOOD = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PLAIN = (0, stat.S_IFREG, stat.S_IFDIR)


class _Spool:
    """The file without a name, as ``zipfile`` reads it: never much at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"the list of entries has {size} bytes")
        return self._file.read(MAX_DIRECTORY_BYTES if size < 0 else size)


def unzip(stream: BinaryIO, volumes: Volumes, folder: str, room: int) -> None:
    """Write what is in the archive below ``folder``; the archive and that at most ``room`` bytes.

    Raises:
        TransferFailed: with the reason; files that were written before stay.
    """
    with understood(), volumes.open_nameless(folder) as file:
        room -= _spool(stream, file, folder, room)
        with zipfile.ZipFile(_Spool(file)) as archive:  # type: ignore[arg-type]
            if len(archive.infolist()) > MAX_ENTRIES:
                raise TransferFailed(f"The archive has more than {MAX_ENTRIES} entries.")
            for entry in archive.infolist():
                room -= _unzip_entry(archive, entry, volumes, folder, room)


def _spool(stream: BinaryIO, file: BinaryIO, folder: str, room: int) -> int:
    written = 0
    while chunk := stream.read(COPY_BYTES):
        written += len(chunk)
        if written > room:
            raise no_room(folder)
        write_all(file, chunk)
    return written


def _unzip_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, volumes: Volumes, folder: str, room: int
) -> int:
    """Write one entry; the bytes that it has, whatever the archive says."""
    path, written = below(folder, entry.filename), 0
    _check(entry)
    if entry.is_dir():
        volumes.make_folder(path)
        return 0
    with archive.open(entry) as content, volumes.open_to_write(path) as file:
        os.fchmod(file.fileno(), (entry.external_attr >> 16) & 0o755 | 0o600)
        while chunk := content.read(COPY_BYTES):
            written += len(chunk)
            if written > room:
                raise no_room(path)
            write_all(file, chunk)
    return written


def _check(entry: zipfile.ZipInfo) -> None:
    name = f"The archive's entry {entry.filename[:200]!r}"
    if stat.S_IFMT(entry.external_attr >> 16) not in _PLAIN:
        raise TransferFailed(f"{name} is no plain file and no folder.")
    if entry.flag_bits & ENCRYPTED:
        raise TransferFailed(f"{name} is encrypted.")
    if entry.compress_type not in _UNDERSTOOD:
        raise TransferFailed(f"{name} is compressed in a way other than deflate.")


def make_zip(volumes: Volumes, folder: str, sink: BinaryIO) -> None:
    """Write the plain files and folders below ``folder`` as an archive to ``sink``. Raises TransferFailed."""
    with (
        understood(),
        volumes.open_folder(folder) as (root, capacity),
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for place, name, opened in entries_of(root):
            capacity = less(capacity, opened, folder)
            _zip_entry(archive, os.path.normpath(os.path.join(place, name)), opened)


def _zip_entry(archive: zipfile.ZipFile, path: str, opened: int) -> None:
    status = os.fstat(opened)
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and not stat.S_ISREG(status.st_mode):
        return
    moment = time.gmtime(min(max(status.st_mtime, EARLIEST_S), LATEST_S))
    entry = zipfile.ZipInfo(path + "/" * is_folder, moment[:6])
    entry.external_attr = status.st_mode << 16
    entry.compress_type = zipfile.ZIP_STORED if is_folder else zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=status.st_size > BIG_BYTES) as into:
        _copy(opened, 0 if is_folder else status.st_size, into)


def _copy(opened: int, size: int, into: IO[bytes]) -> None:
    """No more than ``size``, whatever the payload does to the file meanwhile."""
    done = 0
    while size > done and (chunk := os.pread(opened, min(COPY_BYTES, size - done), done)):
        into.write(chunk)
        done += len(chunk)

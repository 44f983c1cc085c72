"""Files in the environment's volumes, as the host opens them: never outside, whatever links the payload left.

Each path is resolved by the kernel with the volume as its root (``golemnet.runtime.kernel.open_inside``),
so a link to ``/etc/shadow`` or ``../..`` leads nowhere; pipes and devices are refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from golemnet.exeunit.errors import TransferFailed
from golemnet.runtime import kernel
from golemnet.runtime.driver import Volume


class Volumes:
    """The volumes of one deployed environment."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._volumes = sorted(volumes, key=lambda volume: len(volume.path), reverse=True)

    @contextlib.contextmanager
    def open_to_read(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """The plain file at ``path`` and its size.

        Raises:
            TransferFailed: there is none, or it is not a plain file in a volume.
        """
        volume, inner = self._find(path)
        with _readable(path), _folder(volume) as root:
            descriptor = kernel.open_inside(root, inner, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                yield file, _size_of_plain(descriptor, path)  # type: ignore[misc]

    @contextlib.contextmanager
    def open_to_write(self, path: str) -> Iterator[BinaryIO]:
        """A new file that appears at ``path`` as a whole when the block ends well, and not otherwise.

        Missing folders are made; the payload's user owns all of it.

        Raises:
            TransferFailed: the path is not in a volume, or the volume is full.
        """
        volume, inner = self._find(path)
        with _writable(path), _folder(volume) as root:
            parents, _, name = inner.rpartition("/")
            if not name:
                raise TransferFailed(f"container:{path} is a folder.", next_step="Name the file in it.")
            folder = _make_folders(root, parents, volume.owner)
            try:
                with _replaced(folder, name, volume.owner) as file:
                    yield file
            finally:
                os.close(folder)

    def make_folder(self, path: str) -> None:
        """Make the folder at ``path`` and those above it. Raises TransferFailed."""
        volume, inner = self._find(path)
        with _writable(path), _folder(volume) as root:
            os.close(_make_folders(root, inner, volume.owner))

    @contextlib.contextmanager
    def open_folder(self, path: str) -> Iterator[tuple[int, int]]:
        """The folder at ``path``, open, and the size of the disk that it is on. Raises TransferFailed."""
        volume, inner = self._find(path)
        with _readable(path), _folder(volume) as root:
            descriptor = kernel.open_inside(root, inner or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                space = os.fstatvfs(descriptor)
                yield descriptor, space.f_blocks * space.f_frsize
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def open_nameless(self, path: str) -> Iterator[BinaryIO]:
        """A new file on the disk of the volume of ``path``, which nobody else sees. Raises TransferFailed."""
        volume, _ = self._find(path)
        with _writable(path), _folder(volume) as root:
            descriptor = kernel.open_inside(root, ".", os.O_TMPFILE | os.O_RDWR, 0o600)
            with os.fdopen(descriptor, "w+b", buffering=0) as file:
                yield file  # type: ignore[misc]

    def _find(self, path: str) -> tuple[Volume, str]:
        for volume in self._volumes:
            if path == volume.path or path.startswith(volume.path.rstrip("/") + "/"):
                return volume, path[len(volume.path) :].strip("/")
        known = ", ".join(sorted(volume.path for volume in self._volumes)) or "none"
        raise TransferFailed(
            f"container:{path} is not in a volume of the image.",
            why=f"Files can be moved to and from its volumes only: {known}.",
            next_step="Use a path below one of them, or add a VOLUME to the image.",
        )


def no_room(path: str) -> TransferFailed:
    """What is told when the granted disk space does not suffice for a file."""
    return TransferFailed(
        f"The provider's disk space for this activity is full; container:{path} was not written.",
        next_step="Ask for more storage (min_storage_gib) or send less.",
    )


@contextlib.contextmanager
def _folder(volume: Volume) -> Iterator[int]:
    descriptor = os.open(volume.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _size_of_plain(descriptor: int, path: str) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise TransferFailed(f"container:{path} is not a plain file.")
    space = os.fstatvfs(descriptor)
    if status.st_size > space.f_blocks * space.f_frsize:
        raise TransferFailed(
            f"container:{path} is larger than the disk that it is on.",
            why=f"It claims {status.st_size} bytes, which are holes.",
            next_step="Write what you mean to send.",
        )
    return status.st_size


def _make_folders(root: int, parents: str, owner: tuple[int, int]) -> int:
    """An open descriptor of the folder ``parents`` below ``root``."""
    flags = os.O_RDONLY | os.O_DIRECTORY
    reached, done = kernel.open_inside(root, ".", flags), ""
    for name in filter(None, parents.split("/")):
        done = f"{done}/{name}"
        try:
            following = kernel.open_inside(root, done, flags)
        except FileNotFoundError:
            _make_folder(reached, name, owner)
            following = kernel.open_inside(root, done, flags)
        os.close(reached)
        reached = following
    return reached


def _make_folder(parent: int, name: str, owner: tuple[int, int]) -> None:
    os.mkdir(name, 0o755, dir_fd=parent)
    os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)


@contextlib.contextmanager
def _replaced(folder: int, name: str, owner: tuple[int, int]) -> Iterator[BinaryIO]:
    part = f".golem-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(part, flags, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            os.fchown(descriptor, *owner)
            yield file  # type: ignore[misc]
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TransferFailed(
            f"The file container:{path} does not exist.",
            why="The commands before did not make it (a link out of the volume does not count).",
            next_step="Check the name, and the output of the command that should write it.",
        ) from error
    except OSError as error:
        raise TransferFailed(
            f"The file container:{path} cannot be read.", why=error.strerror or ""
        ) from error


@contextlib.contextmanager
def _writable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise no_room(path) from error
        raise TransferFailed(f"container:{path} cannot be written.", why=error.strerror or "") from error

"""Images that a provider keeps unpacked: each is unpacked once, and all activities read the same files.

An image's folder appears as a whole. Beside it are its locks, which are never removed, and for a while what
is being made, or was when its maker died::

    <hash>/root/      the files of the image
    <hash>/made.json  how large they are, and which boot of the machine has written them
    <hash>.part/      not finished, or half removed
    <hash>.used       shared by whoever makes the folder or uses it
    <hash>.making     held by who makes it
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from golemnet.runtime import commands
from golemnet.runtime.disk_use import Hidden, disk_use, unlock
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.file_lock import acquire, locked, try_acquire
from golemnet.runtime.removal import remove_tree

UNPACK_TIMEOUT_S: Final = 600.0
SMALL_IMAGE_BYTES: Final = 16 * 1024**2
SPARINGLY: Final = ("-processors", "1", "-data-queue", "1", "-frag-queue", "1")
"""By itself unsquashfs prepares for images that fill its many threads and queues; that takes 10 ms."""
ROOT: Final = "root"
MARKER: Final = "made.json"
PART, USED, MAKING = ".part", ".used", ".making"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Made(msgspec.Struct, frozen=True):
    """What is known of an unpacked image."""

    boot: str
    size: int


class Unpacked:
    """An unpacked image, which nobody removes until ``release``."""

    def __init__(self, root: Path, lock: int) -> None:
        self.root = root
        self._lock = lock

    def release(self) -> None:
        """Let it go; safe to repeat."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


async def hold(image: Path, folder: Path) -> Unpacked:
    """The files of ``image``, kept in ``folder``; they are unpacked if they are not there.

    Raises:
        OSError: there is no place for them, or it is another user's.
        RuntimeFailure: the image cannot be unpacked.
    """
    _claim(folder.parent)
    used = await acquire(_beside(folder, USED), shared=True)
    try:
        if not is_whole(folder):
            async with locked(_beside(folder, MAKING)) as making:
                if not is_whole(folder):
                    await _make(image, folder, (used, making))
        return Unpacked(folder / ROOT, used)
    except BaseException:
        os.close(used)
        raise


def _claim(store: Path) -> None:
    """Nobody else on this machine is to find programs in there that run in our name, nor to put any there."""
    store.mkdir(mode=0o700, exist_ok=True)
    if store.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "another user keeps images there", str(store))


def is_whole(folder: Path) -> bool:
    """Whether the image is there.

    A loss of power may spoil what was written shortly before, so what an earlier boot has left is not used.
    """
    made = _read(folder)
    return made is not None and made.boot == _boot()


def size_of(folder: Path) -> int:
    """How many bytes an unpacked image takes; 0 if it is not there."""
    made = _read(folder)
    return made.size if made else 0


def names(store: Path) -> set[str]:
    """Of the images that are there, and of those of which something is left."""
    return {path.name.removesuffix(PART) for path in store.glob("*") if path.suffix not in (USED, MAKING)}


def discard(folder: Path) -> bool:
    """Remove an unpacked image, and what is left of one; False if it is used, or cannot be. It blocks."""
    if not folder.exists() and not _beside(folder, PART).exists():
        return True
    try:
        used = try_acquire(_beside(folder, USED))
        if used is None:
            return False
        try:
            _remove(folder)
            return True
        finally:
            os.close(used)
    except OSError:
        return False


async def unpack(image: Path, root: Path, *options: str, held: Sequence[int] = ()) -> None:
    """Make the folder ``root`` of an image's files. Raises RuntimeFailure.

    Locks that are ``held`` meanwhile are the writing program's, too, should we be killed. ``options`` are
    further ones of unsquashfs.
    """
    program = commands.find("unsquashfs", "squashfs-tools")
    options += SPARINGLY if _is_small(image) else ()
    command = (program, "-q", "-n", "-no-xattrs", *options, "-d", str(root), str(image))
    code, output = await commands.attempt(command, timeout_s=UNPACK_TIMEOUT_S, pass_fds=held)
    # 2 stands for what a plain user cannot do: owners and device files
    if code not in (0, 2):
        raise RuntimeFailure(f"The image {image.name} cannot be unpacked.", why=output.strip()[-2000:])


def _is_small(image: Path) -> bool:
    return image.stat().st_size < SMALL_IMAGE_BYTES


async def _make(image: Path, folder: Path, held: Sequence[int]) -> None:
    part = _beside(folder, PART)
    await _in_thread(held, _remove, folder)
    part.mkdir(mode=0o700)
    try:
        await unpack(image, part / ROOT, held=held)
        await _in_thread(held, _finish, part, folder)
    except RuntimeFailure:
        await _in_thread(held, remove_tree, part)
        raise


async def _in_thread(held: Sequence[int], do: Callable[..., None], *arguments: Path) -> None:
    """The thread holds the locks, too: it goes on when the one who waits for it is cancelled."""
    own = [os.dup(each) for each in held]

    def work() -> None:
        try:
            do(*arguments)
        finally:
            for each in own:
                os.close(each)

    await asyncio.to_thread(work)


def _finish(part: Path, folder: Path) -> None:
    unlock(part)
    try:
        size = disk_use(part).size
    except Hidden as error:
        raise RuntimeFailure("The image's files cannot be counted.", why=f"{error}.") from error
    (part / MARKER).write_bytes(msgspec.json.encode(Made(_boot(), size)))
    part.chmod(0o500)
    part.rename(folder)


def _remove(folder: Path) -> None:
    """By way of another name: half of it must never be taken for the whole."""
    part = _beside(folder, PART)
    remove_tree(part)
    if folder.exists():
        folder.rename(part)
        part.chmod(0o700)
        remove_tree(part)


def _read(folder: Path) -> Made | None:
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=Made)
    except (OSError, msgspec.DecodeError):
        return None


def _boot() -> str:
    return BOOT_ID.read_text().strip()


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(folder.name + what)

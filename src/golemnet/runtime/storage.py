"""The disk of one activity: a sparse ext4 file whose size is the limit, over the read-only image.

``storage.ext4`` in the activity's folder holds everything that the payload writes; its size is the
quota. What is mounted is below a stage, a folder in the cage that the container's users can reach,
as they cannot reach a provider's private data folder::

    image/          the squashfs, read-only, owners as in the image
    lower/          the same, owners shifted into the container's user namespace
    disk/           the mounted ext4: upper/ and work/ of the overlay, volumes/vol-N/
    root/           the overlay of lower/ and disk/upper/: the container's root
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from golemnet.runtime import commands, kernel
from golemnet.runtime.driver import Image, Volume
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.oci_spec import FIRST_HOST_ID, ID_COUNT, User

MIN_STORAGE_BYTES = 16 * 1024**2
MIN_FREE_BYTES = 64 * 1024**2
_MOUNTED = ("root", "disk", "lower", "image")
_EXT4 = ("-q", "-F", "-O", "^has_journal", "-m", "0")


class Storage:
    """The mounts of one activity. It needs root and a cage.

    Args:
        file: where the sparse file is made.
        stage: a folder of its own for the mounts.
    """

    def __init__(self, file: Path, stage: Path) -> None:
        self._file = file
        self._base = stage
        self.root = stage / "root"
        self._used_at_first = 0

    async def mount(self, image: Path, size: int) -> None:
        """Build everything up to ``root``. Raises RuntimeFailure when a step fails."""
        for name in _MOUNTED:
            (self._base / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        await self._mount_image(image)
        await self._mount_disk(max(size, MIN_STORAGE_BYTES))
        self._mount_root()

    async def _mount_image(self, image: Path) -> None:
        where = str(self._base / "image")
        options = "loop,ro,nosuid,nodev"
        mount = commands.find("mount", "mount")
        code, said = await commands.attempt([mount, "-n", "-t", "squashfs", "-o", options, str(image), where])
        if code != 0:
            raise RuntimeFailure(
                f"The image {image.name} is not a readable squashfs.",
                why=_reason(said),
                next_step="Make it anew: gvmkit-build SOURCE --push.",
            )
        namespace = kernel.open_user_namespace(FIRST_HOST_ID, ID_COUNT)
        try:
            kernel.mount_with_ids(where, str(self._base / "lower"), namespace)
        except OSError as error:
            raise RuntimeFailure(
                "The kernel cannot shift the owners of an image.",
                why=str(error),
                next_step="Linux 5.19 or newer is needed for containers as root.",
            ) from error
        finally:
            os.close(namespace)

    async def _mount_disk(self, size: int) -> None:
        file, where = self._file, str(self._base / "disk")
        self._require_free_space()
        with file.open("wb") as sparse:
            sparse.truncate(size)
        owner = f"root_owner={FIRST_HOST_ID}:{FIRST_HOST_ID}"
        options = ("-E", f"lazy_itable_init=1,nodiscard,{owner}")
        await commands.check(commands.find("mkfs.ext4", "e2fsprogs"), *_EXT4, *options, str(file))
        await commands.check(
            commands.find("mount", "mount"), "-n", "-o", "loop,nosuid,nodev", str(file), where
        )
        for name in ("upper", "work", "volumes"):
            _owned_folder(Path(where) / name, FIRST_HOST_ID, FIRST_HOST_ID)
        self._used_at_first = self.used()

    def _require_free_space(self) -> None:
        space = os.statvfs(self._file.parent)
        if space.f_bavail * space.f_frsize < MIN_FREE_BYTES:
            raise RuntimeFailure(
                "The provider's disk is full.", next_step="Run the task at another provider."
            )

    def _mount_root(self) -> None:
        disk = self._base / "disk"
        options = f"lowerdir={self._base / 'lower'},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        try:
            kernel.mount("overlay", str(self.root), "overlay", kernel.MS_NODEV | kernel.MS_NOSUID, options)
        except OSError as error:
            raise RuntimeFailure("The image's overlay cannot be mounted.", why=str(error)) from error

    def make_volumes(self, image: Image, user: User) -> Sequence[Volume]:
        """An empty writable folder for each volume of ``image``, owned by ``user`` of the container."""
        owner = (FIRST_HOST_ID + user.uid, FIRST_HOST_ID + user.gid)
        return [self._make_volume(number, path, owner) for number, path in enumerate(image.volumes)]

    def _make_volume(self, number: int, path: str, owner: tuple[int, int]) -> Volume:
        folder = self._base / "disk" / "volumes" / f"vol-{number}"
        _owned_folder(folder, *owner)
        return Volume(path, folder, owner)

    def room(self) -> int:
        """How many bytes may still be written."""
        space = os.statvfs(self._base / "disk")
        return space.f_bavail * space.f_frsize

    def used(self) -> int:
        """How many bytes were written and are there; 0 when it is not mounted."""
        try:
            space = os.statvfs(self._base / "disk")
        except FileNotFoundError:
            return 0
        return max(0, (space.f_blocks - space.f_bfree) * space.f_frsize - self._used_at_first)

    def unmount(self) -> None:
        """Undo ``mount``; what is not mounted is fine."""
        for name in _MOUNTED:
            try:
                kernel.unmount(str(self._base / name))
            except OSError:
                continue


def _owned_folder(folder: Path, uid: int, gid: int) -> None:
    folder.mkdir(mode=0o755, exist_ok=True)
    os.chown(folder, uid, gid)


def _reason(said: str) -> str:
    """What mount(8) says, without the names of this machine's folders and devices."""
    return re.sub(r" on /dev/loop\d+", "", said.partition("\n")[0].rpartition(": ")[2])

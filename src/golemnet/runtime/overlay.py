"""A writable root folder over files that others share, mounted by a user without rights.

Since Linux 5.11 who owns a user namespace may mount an overlay in it. Nobody else sees the mount, and it ends
with the descriptors that hold its namespaces and the last process that runs in them, in whatever way. In the
activity's folder::

    root/    where it is mounted, in there; empty to everybody else
    upper/   what was written, changed and removed
    work/    the kernel's own
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from golemnet.runtime import kernel, namespaces
from golemnet.runtime.removal import remove_tree

ROOT: Final = "root"
UPPER: Final = "upper"
WORK: Final = "work"
# without "volatile" the end of a mount would wait until the whole disk is written
OPTIONS: Final = f"upperdir={UPPER},workdir={WORK},userxattr,volatile"

_tried: Final[dict[Path, bool]] = {}

log = logging.getLogger(__name__)


class Overlay:
    """A mounted one, until ``close``; ``namespaces`` are those in which it is, by kind."""

    def __init__(self, folder: Path, held: dict[str, int]) -> None:
        self._folder = folder
        self.namespaces = held

    @classmethod
    def mount(cls, folder: Path, lower: Path, prepare: Callable[[Path], object]) -> Overlay:
        """Over ``lower``, in ``folder``; it blocks. ``prepare`` is given the root, where it is mounted.

        Raises:
            OSError: the kernel, or the disk, does not let us.
        """
        places = [folder / name for name in (ROOT, UPPER, WORK)]
        try:
            for place in places:
                place.mkdir()
            _make_alike(folder / UPPER, lower)
            return cls(folder, namespaces.make(lambda: _mount(folder, lower, prepare)))
        except OSError:
            for place in places:
                remove_tree(place)
            raise

    def close(self) -> None:
        """Let it go. What was written stays, for the owner of the folder to remove."""
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        self.namespaces = {}
        with suppress(OSError):
            # the kernel has made it with no rights at all
            (self._folder / WORK / WORK).chmod(stat.S_IRWXU)


def works_in(folder: Path) -> bool:
    """Whether the activity in ``folder`` can have one: the first beside it that asks tries it; it blocks."""
    if folder.parent not in _tried:
        _tried[folder.parent] = _works(folder / "trial")
    return _tried[folder.parent]


def _works(trial: Path) -> bool:
    try:
        (trial / "lower" / "in").mkdir(parents=True)
        Overlay.mount(trial, trial / "lower", _replace).close()
        return True
    except OSError as error:
        log.info("images_are_unpacked_for_each_activity why=%s", error)
        return False
    finally:
        remove_tree(trial)


def _replace(root: Path) -> None:
    """It takes the marks of what is removed, and of what hides what is below."""
    (root / "in").rmdir()
    (root / "in").mkdir()


def _make_alike(folder: Path, other: Path) -> None:
    """An overlay's own rights and owner are those of its upper folder."""
    wanted = other.stat()
    if os.geteuid() == 0:
        os.chown(folder, wanted.st_uid, wanted.st_gid)
    folder.chmod(stat.S_IMODE(wanted.st_mode))


def _mount(folder: Path, lower: Path, prepare: Callable[[Path], object]) -> None:
    # names that no option's commas and colons spoil, and that tell the payload nothing
    os.chdir(folder)
    below = os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    options = f"lowerdir=/proc/self/fd/{below},{OPTIONS}"
    kernel.mount("overlay", ROOT, "overlay", kernel.MS_NODEV | kernel.MS_NOSUID, options)
    prepare(Path(ROOT))

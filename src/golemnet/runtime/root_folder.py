"""The root folder of an activity's sandboxes: an overlay over files that all share, or files of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from golemnet.runtime import unpacked
from golemnet.runtime.driver import Image
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.overlay import ROOT, UPPER, Overlay, works_in
from golemnet.runtime.removal import remove_link

Done = TypeVar("Done")

log = logging.getLogger(__name__)


class RootFolder:
    """In the activity's ``folder``, which the owner removes after ``close``.

    ``path`` is what sandboxes see as their root, in ``namespaces`` (none: in ours). ``written`` is the folder
    that grows by what they write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = self.written = folder / ROOT
        self._held: unpacked.Unpacked | None = None
        self._overlay: Overlay | None = None
        self._working: asyncio.Task[object] | None = None

    async def make(self, image: Image) -> None:
        """Fill it. Raises RuntimeFailure."""
        if image.unpacked is None or not await self._share(image, image.unpacked):
            await unpacked.unpack(image.path, self.path, "-ignore-errors")
            _remove_links(image, self.path)

    async def _share(self, image: Image, place: Path) -> bool:
        """Whether there is an overlay; where the machine has none, nothing is left of the attempt."""
        try:
            # what is there was made for an overlay, by this kernel
            if not unpacked.is_whole(place) and not await self._in_thread(works_in, self._folder):
                return False
            self._held = await unpacked.hold(image.path, place)
            await self._in_thread(self._mount, image, self._held.root)
        except (OSError, RuntimeFailure) as error:
            log.warning("image_not_shared why=%s", error)
            return False
        self.written = self._folder / UPPER
        return True

    def _mount(self, image: Image, lower: Path) -> None:
        self._overlay = Overlay.mount(self._folder, lower, lambda root: _remove_links(image, root))

    async def _in_thread(self, do: Callable[..., Done], *arguments: object) -> Done:
        """Its end is waited for by ``close`` at the latest."""
        working = self._working = asyncio.create_task(asyncio.to_thread(do, *arguments))
        return await asyncio.shield(working)

    @property
    def namespaces(self) -> Mapping[str, int]:
        """Those in which it is, by kind."""
        return self._overlay.namespaces if self._overlay else {}

    async def close(self) -> None:
        """Let go of what is shared; safe to repeat."""
        if self._working is not None:
            await asyncio.wait([self._working])
        if self._overlay is not None:
            self._overlay.close()
        if self._held is not None:
            self._held.release()


def _remove_links(image: Image, root: Path) -> None:
    """Bubblewrap does not mount over a link that leads nowhere."""
    for path in image.files:
        remove_link(root, path)

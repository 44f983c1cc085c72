"""How far the image of a deployment is: told while it is fetched, and once when it was here already."""

from __future__ import annotations

from pathlib import Path

from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.web import Internet


async def test_progress_of_an_image_grows_to_its_size(daemon, tmp_path: Path):
    images = ImageCache(tmp_path, Internet(daemon.url))
    address = f"{daemon.url}/download/{daemon.hash}"
    size = daemon.image.stat().st_size
    for expected_first in (1, size):
        told: list[tuple[int, int | None]] = []
        await images.get(daemon.hash, address, lambda done, of, told=told: told.append((done, of)))
        assert told == sorted(told)
        assert told[0][0] >= expected_first
        assert told[-1] == (size, size)
    assert daemon.downloads == 1

"""Stores within their bounds."""

from __future__ import annotations

import os
from pathlib import Path

from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.room import files, keep_within
from golemnet.exeunit.web import Internet


def made(folder: Path, sizes: dict[str, int]) -> list[Path]:
    """Each was last used after the one before."""
    for moment, (name, size) in enumerate(sizes.items()):
        (folder / name).write_bytes(bytes(size))
        os.utime(folder / name, (moment, moment))
    return [folder / name for name in reversed(sizes)]


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    paths = made(tmp_path, {"c": 10, "a": 20, "b": 30})
    keep_within(60, files(paths))
    assert left(tmp_path) == ["a", "b", "c"]
    keep_within(59, files(paths))
    assert left(tmp_path) == ["a", "b"]
    keep_within(30, files(paths))
    assert left(tmp_path) == ["b"]


def test_the_newest_stays_whatever_its_size(tmp_path: Path) -> None:
    keep_within(5, files(made(tmp_path, {"a": 1, "b": 30})))
    assert left(tmp_path) == ["b"]
    keep_within(5, [])


def test_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    paths = made(tmp_path, {"a": 10, "b": 10, "c": 10})
    paths[1].unlink()
    keep_within(10, files(paths))
    assert left(tmp_path) == ["c"]


async def test_a_new_image_takes_the_place_of_old_ones(daemon, tmp_path: Path) -> None:
    old = tmp_path / f"{'0' * 56}.gvmi"
    old.write_bytes(bytes(1000))
    images = ImageCache(tmp_path, Internet(daemon.url), limit_bytes=1000)
    found = await images.get(daemon.hash, f"{daemon.url}/image.{daemon.hash}.link")
    assert found.path.exists()
    assert not old.exists()

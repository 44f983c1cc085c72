"""Stores within their bounds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.room import files, keep_within
from golemnet.exeunit.web import Internet
from golemnet.runtime import unpacked
from golemnet.runtime.file_lock import try_acquire


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


def images_in(folder: Path, names: Sequence[str]) -> None:
    """Of 100 bytes, each unpacked to 1000 and last used after the one before."""
    paths = made(folder, {f"{name}.gvmi": 100 for name in names})
    for path in paths:
        place = folder / "unpacked" / path.stem
        (place / "root").mkdir(parents=True)
        (place / "made.json").write_text('{"boot": "this", "size": 1000}')


def kept_in(folder: Path) -> tuple[list[str], list[str]]:
    images = sorted(each.stem for each in folder.glob("*.gvmi"))
    return images, sorted(unpacked.names(folder / "unpacked"))


def test_an_image_goes_with_what_is_unpacked_of_it(tmp_path: Path) -> None:
    images_in(tmp_path, ["b", "c", "a"])
    images = ImageCache(tmp_path, Internet(None), limit_bytes=2200)
    images.tidy()
    assert kept_in(tmp_path) == (["a", "c"], ["a", "c"])


def test_an_image_in_use_stays_and_the_next_goes(tmp_path: Path) -> None:
    images_in(tmp_path, ["b", "c", "a"])
    used = try_acquire(tmp_path / "unpacked" / "b.used", shared=True)
    assert used is not None
    images = ImageCache(tmp_path, Internet(None), limit_bytes=2200)
    images.tidy()
    os.close(used)
    assert kept_in(tmp_path) == (["a", "b"], ["a", "b"])


def test_unpacked_files_without_an_image_are_nobody_s(tmp_path: Path) -> None:
    images_in(tmp_path, ["a", "b"])
    (tmp_path / "a.gvmi").unlink()
    ImageCache(tmp_path, Internet(None)).tidy()
    assert kept_in(tmp_path) == (["b"], ["b"])

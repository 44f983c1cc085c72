"""Images that are unpacked once for all: as a whole or not at all, and kept while somebody uses them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from golemnet.runtime import unpacked
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.families import processes_of
from golemnet.runtime.file_lock import try_acquire

OWNER = """
import asyncio, os, sys
from pathlib import Path
from golemnet.runtime import commands, unpacked

attempt = commands.attempt

async def write_for_long(command, **options):
    await attempt(command, **options)
    script = "echo up > /proc/%d/fd/1; exec sleep {seconds}" % os.getpid()
    return await attempt(("sh", "-c", script), **options)

commands.attempt = write_for_long
asyncio.run(unpacked.hold(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "unpacked" / "image"


@pytest.fixture
def small_disk(place: Path) -> Iterator[None]:
    place.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place.parent)], check=True)
    yield
    subprocess.run(["umount", str(place.parent)], check=True)


def kill_while_it_writes(image: Path, place: Path, seconds: str) -> None:
    """An owner, whose program then goes on for so long."""
    command = [sys.executable, "-c", OWNER.format(seconds=seconds), str(image), str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        owner.kill()


def inside(place: Path) -> Path:
    return place / "root" / "golem" / "work"


async def test_those_who_come_together_unpack_it_once(squashfs: Path, place: Path, monkeypatch) -> None:
    calls, unpack = [], unpacked.unpack

    async def counted(*arguments, **options) -> None:
        calls.append(arguments)
        await unpack(*arguments, **options)

    monkeypatch.setattr(unpacked, "unpack", counted)
    all_held = await asyncio.gather(*(unpacked.hold(squashfs, place) for _ in range(8)))
    assert len(calls) == 1
    assert {each.root for each in all_held} == {place / "root"}
    assert inside(place).is_dir()
    for each in all_held:
        each.release()


async def test_it_stays_for_as_long_as_somebody_uses_it(squashfs: Path, place: Path) -> None:
    first, second = [await unpacked.hold(squashfs, place) for _ in range(2)]
    assert unpacked.size_of(place) > squashfs.stat().st_size
    first.release()
    assert not unpacked.discard(place)
    assert inside(place).is_dir()
    second.release()
    second.release()
    assert unpacked.discard(place)
    assert not place.exists()
    assert unpacked.names(place.parent) == set()
    assert unpacked.size_of(place) == 0
    assert unpacked.discard(place)


async def test_only_the_provider_s_user_gets_at_it(squashfs: Path, place: Path) -> None:
    (await unpacked.hold(squashfs, place)).release()
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mode & 0o777 == 0o500


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_another_user_s_files_are_not_used(squashfs: Path, place: Path) -> None:
    (await unpacked.hold(squashfs, place)).release()
    os.chown(place.parent, 61_236, 61_236)
    with pytest.raises(PermissionError, match="another user"):
        await unpacked.hold(squashfs, place)


async def test_who_is_killed_leaves_nothing_that_is_taken_for_the_image(squashfs: Path, place: Path) -> None:
    """And nobody begins anew before the program is gone that the killed one has let write."""
    seconds = f"7{os.getpid()}"
    kill_while_it_writes(squashfs, place, seconds)
    assert not unpacked.is_whole(place)
    assert unpacked.names(place.parent) == {"image"}
    assert try_acquire(place.with_name("image.making")) is None
    assert not unpacked.discard(place)
    waiting = asyncio.create_task(unpacked.hold(squashfs, place))
    for writer in processes_of(f"sleep\0{seconds}"):
        os.kill(writer, signal.SIGKILL)
    held = await asyncio.wait_for(waiting, 30)
    assert inside(place).is_dir()
    assert not place.with_name("image.part").exists()
    held.release()


async def test_what_is_left_of_an_attempt_can_be_discarded(place: Path) -> None:
    left = place.with_name("image.part")
    left.mkdir(parents=True)
    (left / "file").touch()
    assert unpacked.names(place.parent) == {"image"}
    assert unpacked.discard(place)
    assert not left.exists()


async def test_what_an_earlier_boot_has_left_is_made_anew(squashfs: Path, place: Path) -> None:
    (await unpacked.hold(squashfs, place)).release()
    inside(place).rmdir()
    marker = place / "made.json"
    marker.write_text(json.dumps({"boot": "earlier", "size": 1}))
    held = await unpacked.hold(squashfs, place)
    assert inside(place).is_dir()
    held.release()


async def test_what_is_no_image_leaves_nothing(place: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"hsqs" + bytes(8192))
    with pytest.raises(RuntimeFailure, match="cannot be unpacked"):
        await unpacked.hold(broken, place)
    assert unpacked.names(place.parent) == set()
    assert unpacked.discard(place)


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can be mounted by root only")
@pytest.mark.usefixtures("small_disk")
async def test_an_image_that_a_full_disk_cuts_short_is_not_kept(squashfs: Path, place: Path) -> None:
    with pytest.raises(RuntimeFailure, match="cannot be unpacked"):
        await unpacked.hold(squashfs, place)
    assert not unpacked.is_whole(place)

"""Folders as archives: what went in comes out, and what an archive can be made of to do harm is refused."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from golemnet.exeunit import archives
from golemnet.exeunit.archives import form_of, pack, unpack
from golemnet.exeunit.bridges import consume, produce
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.volumes import Volumes
from golemnet.runtime.driver import Volume

ROOM = 1 << 20
TIMEOUT_S = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vol-0"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    return folder


@pytest.fixture
def volumes(folder: Path) -> Volumes:
    return Volumes([Volume("/golem/work", folder, (os.getuid(), os.getgid()))])


def entry(name: str, size: int = 0, **facts) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for fact, value in facts.items():
        setattr(made, fact, value)
    return made


def archive(*entries: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for each in entries:
            made.addfile(each, io.BytesIO(bytes(max(0, each.size))))
    return out.getvalue()


def taken(
    volumes: Volumes, data: bytes, compression: archives.Compression = "none", room: int = ROOM
) -> None:
    unpack(io.BytesIO(data), compression, volumes, "/golem/work/in", room)


@pytest.mark.parametrize("name", ["tar", "tar.gz", "tgz"])
def test_what_was_packed_is_unpacked(volumes: Volumes, folder: Path, name: str) -> None:
    (folder / "out/empty").mkdir(parents=True)
    (folder / "out/a/b").mkdir(parents=True)
    (folder / "out/a/b/file").write_bytes(b"data" * 100_000)
    (folder / "out/program").write_text("#!/bin/sh")
    (folder / "out/program").chmod(0o755)
    packed = io.BytesIO()
    pack(volumes, "/golem/work/out", packed, form_of(name))
    taken(volumes, packed.getvalue(), form_of(name))
    assert (folder / "in/a/b/file").read_bytes() == b"data" * 100_000
    assert os.access(folder / "in/program", os.X_OK)
    assert (folder / "in/empty").is_dir()


def test_links_pipes_and_what_they_lead_to_are_not_packed(volumes: Volumes, folder: Path) -> None:
    (folder / "file").write_text("mine")
    (folder / "link").symlink_to("../secret")
    (folder / "folder").symlink_to("..")
    os.mkfifo(folder / "pipe")
    packed = io.BytesIO()
    pack(volumes, "/golem/work", packed, "none")
    packed.seek(0)
    with tarfile.open(fileobj=packed) as found:
        assert found.getnames() == ["file"]


def test_more_than_a_disk_holds_is_not_packed(volumes: Volumes, folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(TransferFailed, match="more than the disk"):
        pack(volumes, "/golem/work", io.BytesIO(), "none")


HARMFUL = {
    "an absolute path": archive(entry("/etc/x")),
    "a path that climbs": archive(entry("a/../../../x")),
    "a symbolic link": archive(entry("x", type=tarfile.SYMTYPE, linkname="/etc")),
    "a hard link": archive(entry("x", type=tarfile.LNKTYPE, linkname="/etc/shadow")),
    "a device": archive(entry("x", type=tarfile.CHRTYPE, devmajor=1, devminor=1)),
    "a block device": archive(entry("x", type=tarfile.BLKTYPE, devmajor=7)),
    "a pipe": archive(entry("x", type=tarfile.FIFOTYPE)),
    "more than there is room for": archive(entry("x", ROOM + 1)),
    "many that are too much together": archive(*(entry(f"x{n}", ROOM // 4 + 1) for n in range(4))),
    "less than nothing": archive(entry("x", pax_headers={"size": "-5"})),
    "an endless name": archive(entry("x" * 100_000), form=tarfile.GNU_FORMAT),
    "endless attributes": archive(entry("x", pax_headers={"comment": "x" * 100_000})),
    "holes": archive(
        entry(
            "x", 512, pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "y"}
        )
    ),
    "no archive": b"not an archive, but text" * 100,
    "half an archive": archive(entry("x", 5000))[:3000],
}


@pytest.mark.parametrize("data", HARMFUL.values(), ids=HARMFUL.keys())
def test_harm_is_refused(volumes: Volumes, folder: Path, data: bytes) -> None:
    with pytest.raises(TransferFailed):
        taken(volumes, data)
    assert {each.name for each in folder.parent.iterdir()} == {"vol-0", "secret"}
    assert sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) <= ROOM


def test_a_bomb_of_zeros_stops_when_the_room_is_used_up(volumes: Volumes) -> None:
    bomb = gzip.compress(archive(entry("zeros", 64 << 20)))
    assert len(bomb) < 100_000
    with pytest.raises(TransferFailed, match="full"):
        taken(volumes, bomb, "gzip")


def test_entries_without_end_are_refused(volumes: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
    with pytest.raises(TransferFailed, match="more than 3 entries"):
        taken(volumes, archive(*(entry(str(number)) for number in range(4))))


def test_links_that_a_payload_has_left_lead_nowhere(volumes: Volumes, folder: Path) -> None:
    (folder / "in").symlink_to("..")
    taken(volumes, archive(entry("planted", 3)))
    assert not (folder.parent / "planted").exists()


def test_other_formats_are_named(volumes: Volumes) -> None:
    with pytest.raises(TransferFailed, match=r"rar.*tar\.gz"):
        form_of("rar")


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_streams_go_through_threads_and_back() -> None:
    seen = bytearray()
    data = os.urandom(1 << 20)
    async with asyncio.timeout(TIMEOUT_S):
        await consume(chunks(data), lambda file: seen.extend(file.read()))
        assert seen == data
        assert b"".join([part async for part in produce(lambda file: file.write(data) and None)]) == data


async def test_what_goes_wrong_on_either_side_is_raised() -> None:
    def fail(_file) -> None:
        raise TransferFailed("no")

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(10)
        raise TransferFailed("broke off")

    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(TransferFailed, match="no"):
            await consume(chunks(bytes(1 << 20)), fail)
        with pytest.raises(TransferFailed, match="broke off"):
            await consume(broken(), lambda file: file.read() and None)
        with pytest.raises(TransferFailed, match="no"):
            async for _ in produce(fail):
                pass


async def test_what_is_behind_the_end_of_the_work_is_read_as_well() -> None:
    read = []

    async def content() -> AsyncIterator[bytes]:
        for number in range(100):
            read.append(number)
            yield bytes(100_000)

    async with asyncio.timeout(TIMEOUT_S):
        await consume(content(), lambda file: file.read(10) and None)
    assert len(read) == 100


async def test_nobody_waits_for_a_stream_that_is_given_up() -> None:
    async with asyncio.timeout(TIMEOUT_S):
        stream = produce(lambda file: [file.write(bytes(100_000)) for _ in range(100)] and None)
        assert await anext(stream)
        await stream.aclose()

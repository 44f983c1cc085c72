"""Folders as zip archives: what went in comes out, and what a zip can be made of to do harm is refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from golemnet.exeunit import zips
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.volumes import Volumes
from golemnet.exeunit.zips import make_zip, unzip
from golemnet.runtime.driver import Volume

ROOM = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "vol-0"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    return folder


@pytest.fixture
def volumes(folder: Path) -> Volumes:
    return Volumes([Volume("/golem/work", folder, (os.getuid(), os.getgid()))])


def archive(*names: str, data: bytes = b"data", mode: int = 0, form: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode << 16, form
            made.writestr(entry, data)
    return out.getvalue()


def taken(volumes: Volumes, data: bytes, room: int = ROOM) -> None:
    unzip(io.BytesIO(data), volumes, "/golem/work/in", room)


def test_what_was_packed_is_unpacked(volumes: Volumes, folder: Path) -> None:
    (folder / "out/empty").mkdir(parents=True)
    (folder / "out/a/b").mkdir(parents=True)
    (folder / "out/a/b/zażółć").write_bytes(b"data" * 100_000)
    (folder / "out/program").write_text("#!/bin/sh")
    (folder / "out/program").chmod(0o755)
    os.utime(folder / "out/program", (-(10**10), 10**11))
    (folder / "out/link").symlink_to("../../secret")
    os.mkfifo(folder / "out/pipe")
    packed = io.BytesIO()
    make_zip(volumes, "/golem/work/out", packed)
    taken(volumes, packed.getvalue())
    assert (folder / "in/a/b/zażółć").read_bytes() == b"data" * 100_000
    assert os.access(folder / "in/program", os.X_OK)
    assert (folder / "in/empty").is_dir()
    assert sorted(each.name for each in (folder / "in").iterdir()) == ["a", "empty", "program"]


def test_what_is_packed_goes_into_a_stream_that_cannot_be_wound_back(volumes: Volumes, folder: Path) -> None:
    (folder / "file").write_text("mine")
    read, write = os.pipe()
    with os.fdopen(write, "wb") as sink:
        make_zip(volumes, "/golem/work", sink)
    with os.fdopen(read, "rb") as source, zipfile.ZipFile(io.BytesIO(source.read())) as found:
        assert found.read("file") == b"mine"


def test_more_than_a_disk_holds_is_not_packed(volumes: Volumes, folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(TransferFailed, match="more than the disk"):
        make_zip(volumes, "/golem/work", io.BytesIO())


def encrypted(data: bytes) -> bytes:
    """With the flag of an encrypted entry, here and in the list at the end."""
    changed = bytearray(data)
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = changed.index(signature)
        changed[start + at] |= 1
    return bytes(changed)


def claiming(data: bytes, directory_bytes: int) -> bytes:
    """With another size of the list of entries at the end."""
    return data[:-10] + struct.pack("<L", directory_bytes) + data[-6:]


HARMFUL = {
    "an absolute path": archive("/etc/x"),
    "a path that climbs": archive("a/../../../x"),
    "a symbolic link": archive("x", data=b"/etc/shadow", mode=stat.S_IFLNK | 0o777),
    "a device": archive("x", mode=stat.S_IFCHR | 0o666),
    "a pipe": archive("x", mode=stat.S_IFIFO | 0o666),
    "more than there is room for": archive("x", data=os.urandom(ROOM + 1)),
    "zeros without end": archive("x", data=bytes(64 << 20)),
    "many that are too much together": archive(*"abcd", data=bytes(ROOM // 4 + 1)),
    "another compression": archive("x", form=zipfile.ZIP_LZMA),
    "encrypted": encrypted(archive("x")),
    "a list of entries that is larger than the archive": claiming(archive("x"), 0x7FFFFFFF),
    "a wrong checksum": archive("x", form=zipfile.ZIP_STORED).replace(b"data", b"dada"),
    "no archive": b"not an archive, but text" * 100,
    "half an archive": archive("x", data=os.urandom(5000))[:3000],
    "nothing": b"",
}


@pytest.mark.parametrize("data", HARMFUL.values(), ids=HARMFUL.keys())
def test_harm_is_refused(volumes: Volumes, folder: Path, data: bytes) -> None:
    with pytest.raises(TransferFailed):
        taken(volumes, data)
    assert {each.name for each in folder.parent.iterdir()} == {"vol-0", "secret"}
    assert sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) <= ROOM


def test_the_list_of_entries_is_not_read_when_it_is_long(
    volumes: Volumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = archive(*(f"{number:0100}" for number in range(100)))
    taken(volumes, many)
    monkeypatch.setattr(zips, "MAX_DIRECTORY_BYTES", 10_000)
    with pytest.raises(TransferFailed, match="list of entries"):
        taken(volumes, many)


def test_entries_without_end_are_refused(volumes: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MAX_ENTRIES", 3)
    with pytest.raises(TransferFailed, match="more than 3 entries"):
        taken(volumes, archive(*"abcd"))


def test_links_that_a_payload_has_left_lead_nowhere(volumes: Volumes, folder: Path) -> None:
    (folder / "in").symlink_to("..")
    taken(volumes, archive("planted"))
    assert not (folder.parent / "planted").exists()

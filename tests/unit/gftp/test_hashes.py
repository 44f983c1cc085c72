"""Names of files by their content, and which files are hashed again."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from golemnet.gftp import known_hashes
from golemnet.gftp.content_names import (
    SHA3_256,
    SHA_256,
    content_name,
    hash_for,
    is_content_name,
    is_named,
)
from golemnet.gftp.known_hashes import KnownHashes
from golemnet.gftp.messages import PutChunk, PutEnd
from golemnet.gftp.shared_files import SharedFiles, SharingError

LONG_AGO_NS = time.time_ns() - 3600 * 10**9


def old_file(path: Path, content: bytes, modified_ns: int = LONG_AGO_NS) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(modified_ns, modified_ns))
    return path


class Hashing(KnownHashes):
    """Counts how often it has hashed."""

    count = 0

    def _hashed(self, file) -> str:
        self.count += 1
        return super()._hashed(file)


@pytest.mark.parametrize("algorithm", [SHA3_256, SHA_256])
def test_a_name_says_what_the_content_is(algorithm: str) -> None:
    name = content_name(algorithm, hashlib.new(algorithm, b"content").hexdigest())
    assert is_content_name(name)
    for content in (b"content", b"other"):
        found = hash_for(name)
        found.update(content)
        assert is_named(found, name) == (content == b"content")


@pytest.mark.parametrize("text", ["", "a" * 63, "sha256-", "sha512-" + "a" * 64, "A" * 64, "a" * 64 + "\n"])
def test_other_ids_name_no_content(text: str) -> None:
    assert not is_content_name(text)


def test_published_clients_get_a_sha3_and_our_own_scripts_a_sha2(tmp_path: Path) -> None:
    file = old_file(tmp_path / "file", b"content")
    assert SharedFiles().publish(file) == hashlib.sha3_256(b"content").hexdigest()
    assert SharedFiles(SHA_256).publish(file) == "sha256-" + hashlib.sha256(b"content").hexdigest()


def test_a_file_that_stays_as_it_is_is_hashed_once(tmp_path: Path) -> None:
    hashes, file = Hashing(SHA_256), old_file(tmp_path / "file", b"content")
    assert len({hashes.name_of(file) for _ in range(3)}) == 1
    assert hashes.count == 1


@pytest.mark.parametrize("change", ["size", "time", "file"])
def test_a_file_that_has_changed_is_hashed_again(tmp_path: Path, change: str) -> None:
    hashes, file = Hashing(SHA_256), old_file(tmp_path / "file", b"content")
    before = hashes.name_of(file)
    if change == "size":
        old_file(file, b"contents")
    elif change == "time":
        old_file(file, b"CONTENT", LONG_AGO_NS + 1)
    else:
        old_file(tmp_path / "new", b"CONTENT").replace(file)
    assert hashes.name_of(file) != before
    assert hashes.count == 2


def test_a_file_written_just_now_is_not_taken_for_unchanged(tmp_path: Path) -> None:
    hashes, now = Hashing(SHA_256), time.time_ns()
    before = hashes.name_of(old_file(tmp_path / "file", b"content", now))
    assert hashes.name_of(old_file(tmp_path / "file", b"CONTENT", now)) != before


def test_few_hashes_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_hashes, "MAX_KNOWN", 2)
    hashes = Hashing(SHA_256)
    files = [old_file(tmp_path / str(each), b"content") for each in range(3)]
    for file in (*files, files[2], files[0]):
        hashes.name_of(file)
    assert hashes.count == 4


def test_what_arrives_must_be_what_was_sent(tmp_path: Path) -> None:
    files = SharedFiles()
    place = files.receive(tmp_path / "target")
    files.answer(PutChunk(1, place, 0, b"con"))
    with pytest.raises(SharingError, match="not what was sent"):
        files.answer(PutEnd(2, place, 3, b"tent", hashlib.sha256(b"other").hexdigest()))
    assert not (tmp_path / "target").exists()
    files.answer(PutChunk(3, place, 0, b"con"))
    files.answer(PutEnd(4, place, 3, b"tent", hashlib.sha256(b"content").hexdigest()))
    assert (tmp_path / "target").read_bytes() == b"content"


def test_a_disk_without_room_is_known_from_what_providers_do_wrong(tmp_path, monkeypatch):
    files = SharedFiles()
    place = tmp_path / "result"
    with pytest.raises(SharingError):
        files.answer(PutChunk(1, "unknown", 0, b"content"))
    assert files.full is None
    file_id = files.receive(place)
    monkeypatch.setattr(Path, "write_bytes", _no_room)
    with pytest.raises(SharingError, match="No space left"):
        files.answer(PutChunk(2, file_id, 0, b"content"))
    assert files.full == place


def _no_room(path, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

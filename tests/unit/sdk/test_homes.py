"""Which providers have a call's large files, as the files are now."""

import os
from pathlib import Path

import pytest

from golemnet.sdk import homes
from golemnet.sdk.calls import Call
from golemnet.sdk.commands import CommandKind
from golemnet.sdk.homes import LARGE_BYTES, Homes


def call(*paths: Path) -> Call:
    return Call(CommandKind("wc"), "", paths)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return sparse(tmp_path / "large", 2 * LARGE_BYTES)


def sparse(path: Path, size: int) -> Path:
    path.touch()
    os.truncate(path, size)
    return path


def test_whoever_was_sent_a_large_file_has_it(large: Path):
    known = Homes()
    assert known.of(call(large)) == ()
    known.note(call(large), "a")
    known.note(call(large), "b")
    assert set(known.of(call(large))) == {"a", "b"}


def test_small_files_and_functions_are_at_home_nowhere(tmp_path: Path):
    known = Homes()
    small = sparse(tmp_path / "small", LARGE_BYTES - 1)
    for each in (call(small), call(tmp_path / "gone"), Call(CommandKind("f"), 1, "a pickle")):
        known.note(each, "a")
        assert known.of(each) == ()


def test_a_file_that_has_changed_is_another_one(large: Path):
    known = Homes()
    known.note(call(large), "a")
    sparse(large, 3 * LARGE_BYTES)
    assert known.of(call(large)) == ()


def test_of_several_files_the_largest_decides(large: Path, tmp_path: Path):
    known = Homes()
    larger = sparse(tmp_path / "larger", 5 * LARGE_BYTES)
    known.note(call(large), "a")
    known.note(call(larger), "b")
    assert set(known.of(call(large, larger))) == {"b"}


def test_the_oldest_is_forgotten(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(homes, "MAX_KNOWN", 1)
    known = Homes()
    known.note(call(large), "a")
    known.note(call(sparse(tmp_path / "other", LARGE_BYTES)), "b")
    assert known.of(call(large)) == ()

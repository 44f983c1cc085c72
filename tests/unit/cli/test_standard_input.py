"""The standard input of `golem run`: sent if there is any; what a command names and does not get is told."""

from __future__ import annotations

import io
import os
import pty
from pathlib import Path

import pytest

from golemnet.cli import standard_input
from golemnet.cli.golem_work import unsent
from golemnet.cli.standard_input import spooled
from golemnet.errors import GolemError


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(reading, "rb")))


def test_what_comes_is_a_file_for_a_while(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, b"one\n\x00two")
    with spooled() as path:
        assert path is not None
        assert path.read_bytes() == b"one\n\x00two"
    assert not path.exists()


def test_nothing_is_no_file(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, b"")
    with spooled() as path:
        assert path is None


def test_a_terminal_is_not_read(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = pty.openpty()
    os.write(ours, b"typed\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(theirs, "rb")))
    with spooled() as path:
        assert path is None
    os.close(ours)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(standard_input, "MAX_BYTES", 10)
    given(monkeypatch, b"more than ten")
    with pytest.raises(GolemError, match="standard input is more"), spooled():
        pass


def test_files_that_a_command_names_and_does_not_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("f1.txt", "a b", "f2.txt"):
        Path(name).touch()
    assert unsent("cat f1.txt 'a b' nowhere", []) == "--file f1.txt --file 'a b'"
    assert unsent("cat f1.txt f2.txt", [Path("f1.txt")]) == "--file f2.txt"
    assert unsent("echo 'not closed", []) == ""

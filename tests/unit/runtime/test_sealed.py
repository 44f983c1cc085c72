"""Programs as sealed copies in memory: they start, and nobody changes them."""

from __future__ import annotations

import fcntl
import os
import subprocess

import pytest

from golemnet.runtime.sealed import SEALS, sealed


def test_a_sealed_program_starts_from_any_process_that_this_one_starts() -> None:
    done = subprocess.run([sealed("/bin/echo"), "hello"], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"


def test_it_is_made_once_and_cannot_be_changed() -> None:
    path = sealed("/bin/true")
    before = len(os.listdir("/proc/self/fd"))
    assert sealed("/bin/true") == path
    assert len(os.listdir("/proc/self/fd")) == before
    descriptor = os.open(path, os.O_RDONLY)
    assert fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) == SEALS
    os.close(descriptor)
    with pytest.raises(PermissionError):
        os.pwrite(int(path.rpartition("/")[2]), b"x", 0)

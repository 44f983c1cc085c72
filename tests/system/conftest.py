"""Ground on which tests start whole networks, and from which every trace of these must go."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from traces import Ground

TRACES_TIMEOUT_S = 5.0


@pytest.fixture
def ground(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """Where temporary folders are made until the end of the test, when nothing may be left of them.

    It has to come before the network's fixture, so that it is looked at after the network's end.
    """
    tmp_path_factory.getbasetemp()  # pytest keeps its own folders elsewhere
    folder = Path(tempfile.mkdtemp(prefix="golem-test-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    ground = Ground(folder)
    yield ground
    left = ground.traces_left(TRACES_TIMEOUT_S)
    shutil.rmtree(folder)
    assert left == {}

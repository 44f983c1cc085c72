"""A lab where this machine lets one be built."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab, do
from programs import Bootstrap

NEEDED = ("ip", "nft", "nsenter", "tee")


def missing() -> str:
    """What this machine lacks for a lab; empty if nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    lacking = [program for program in NEEDED if not shutil.which(program)]
    if lacking:
        return f"there is no {', '.join(lacking)}"
    try:
        do("ip", "netns", "add", f"golem-{os.getpid()}-probe")
        do("ip", "netns", "del", f"golem-{os.getpid()}-probe")
    except AssertionError as error:
        return f"no network namespace can be made: {error}"
    return ""


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An internet without anybody; it is gone afterwards."""
    if reason := missing():
        pytest.skip(reason)
    before = do("ip", "netns", "list")
    with Lab() as lab:
        yield lab
    assert do("ip", "netns", "list") == before


@pytest.fixture
def bootstrap(lab: Lab, tmp_path: Path) -> Iterator[Bootstrap]:
    """The node to join by, which relays too."""
    with Bootstrap(lab.internet, tmp_path / "bootstrap") as running:
        yield running

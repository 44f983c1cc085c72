"""Attempts of activities that have a network: beyond the places of a manifest, and in others' names.

Which sandbox it is matters less here than in the other siege: the wall is the ExeUnit's and the daemon's.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from besieged import SIEGE, Outcome, besiege, is_installed
from network_attempts import NAMES

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.skipif(os.geteuid() != 0, reason="a network that stands for the provider's needs root"),
]

ALL = [*NAMES, "fill_the_provider_s_memory", "harm_the_world", "harm_other_nodes", "delay_the_end"]


@pytest.fixture(scope="module", params=["crun", "runc", "bwrap"])
def siege(request: pytest.FixtureRequest, python_image: Path) -> Outcome:
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    return besiege(request.param, python_image, SIEGE.with_name("network_siege.py"))


def test_every_attempt_was_made(siege: Outcome) -> None:
    assert set(siege.through) == set(ALL)


@pytest.mark.parametrize("attempt", ALL)
def test_nothing_comes_through(siege: Outcome, attempt: str) -> None:
    assert siege.through[attempt] is None


def test_the_host_is_unharmed_and_nothing_is_left(siege: Outcome) -> None:
    assert siege.harm == []
    assert siege.left == {}

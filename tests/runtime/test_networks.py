"""The networks of every kind of sandbox, as in ``test_conformance.py``: all reach the same."""

from __future__ import annotations

import os
from pathlib import Path

import network_behaviours
import pytest
from ground import BEHAVIOURS
from tiers import DRIVERS, conform

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.timeout(200),
    pytest.mark.skipif(os.geteuid() != 0, reason="/dev/net/tun is root's on many machines"),
]

NAMES = [name for name, check in BEHAVIOURS.items() if check.__module__ == network_behaviours.__name__]
ALL = ["it_comes_up", *NAMES, "it_ends"]


@pytest.fixture(scope="module", params=DRIVERS)
def conforming(request: pytest.FixtureRequest, images: Path) -> dict[str, str | None]:
    return conform(request.param, images, network_behaviours.__name__)


def test_every_behaviour_was_looked_at(conforming: dict[str, str | None]) -> None:
    assert list(conforming) == ALL


@pytest.mark.parametrize("behaviour", ALL)
def test_it_behaves(conforming: dict[str, str | None], behaviour: str) -> None:
    assert conforming[behaviour] is None

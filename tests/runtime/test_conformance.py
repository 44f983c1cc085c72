"""One suite for every kind of sandbox that runs here: all of them behave alike.

The behaviours of a driver run one after the other in one activity; each is a test of its own. As root,
bubblewrap runs as the plain user whom it is for.
"""

from __future__ import annotations

from pathlib import Path

import behaviours
import pytest
from ground import BEHAVIOURS
from tiers import DRIVERS, conform

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(200)]

# runc copies a command's output itself, until nobody holds it any more
KNOWN = {"runc": {"what_is_left_in_the_background_holds_nobody_up"}}
NAMES = [name for name, check in BEHAVIOURS.items() if check.__module__ == behaviours.__name__]
ALL = ["it_comes_up", *NAMES, "it_ends"]


@pytest.fixture(scope="module", params=DRIVERS)
def conforming(request: pytest.FixtureRequest, images: Path) -> dict[str, str | None]:
    return conform(request.param, images, behaviours.__name__)


def test_every_behaviour_was_looked_at(conforming: dict[str, str | None]) -> None:
    assert list(conforming) == ALL


@pytest.mark.parametrize("behaviour", ALL)
def test_it_behaves(
    conforming: dict[str, str | None], behaviour: str, request: pytest.FixtureRequest
) -> None:
    if behaviour in KNOWN.get(request.node.callspec.params["conforming"], {}):
        request.node.add_marker(pytest.mark.xfail(strict=True))
    assert conforming[behaviour] is None

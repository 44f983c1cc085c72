"""Attempts to get out of every kind of sandbox that runs here, none of which may succeed.

A siege makes all attempts on one driver in one activity; each attempt is a test of its own. As root,
bubblewrap is besieged as the plain user whom it is for.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attempts import NAMES
from besieged import Outcome, attempts_on_the_host, besiege, is_installed
from siege import WAYS

pytestmark = [pytest.mark.privileged, pytest.mark.slow, pytest.mark.timeout(150)]

LEAST = 40


def driver(name: str, *, as_root: bool) -> object:
    absent = pytest.mark.skipif(not is_installed(name), reason=f"{name} is not installed")
    plain = pytest.mark.skipif(as_root and os.geteuid() != 0, reason="containers of this driver need root")
    return pytest.param(name, marks=[absent, plain])


DRIVERS = [driver("crun", as_root=True), driver("runc", as_root=True), driver("bwrap", as_root=False)]
ALL = [*NAMES, *WAYS, "delay_the_end", "hold_the_shared_files"]


# harmless to try on the machine itself
WITHOUT_A_WALL = (
    "be_root_of_the_machine",
    "climb_from_the_working_folder",
    "find_another_network",
    "have_privileges",
    "reach_sockets_of_the_host_without_a_path",
    "reach_the_host_and_its_daemon",
    "see_processes_of_the_host",
    "share_memory_with_others",
    "unshare_every_namespace",
    "open_sockets_of_other_families",
)


@pytest.fixture(scope="module", params=DRIVERS)
def siege(request: pytest.FixtureRequest, python_image: Path) -> Outcome:
    return besiege(request.param, python_image)


def test_there_are_many_attempts() -> None:
    assert len(ALL) == len(set(ALL)) >= LEAST


def test_every_attempt_was_made(siege: Outcome) -> None:
    assert set(siege.through) == set(ALL)


@pytest.mark.parametrize("attempt", ALL)
def test_nothing_comes_through(siege: Outcome, attempt: str) -> None:
    assert siege.through[attempt] is None


def test_the_host_is_unharmed(siege: Outcome) -> None:
    assert siege.harm == []


def test_nothing_is_left(siege: Outcome) -> None:
    assert siege.left == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="some need root to come through")
def test_attempts_come_through_where_there_is_no_wall() -> None:
    assert [name for name, through in attempts_on_the_host(WITHOUT_A_WALL).items() if not through] == []

"""One suite for every kind of sandbox that runs here: all of them behave alike.

The behaviours of a driver run one after the other in one activity; each is a test of its own. As root,
bubblewrap runs as the plain user whom it is for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import behaviours  # noqa: F401
import pytest
from ground import ALONE, BEHAVIOURS

from golemnet.runtime.commands import SEARCH_PATH
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.vm.driver import VmDriver

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(200)]

CONFORMER = Path(__file__).with_name("conformer.py")
TIMEOUT_S = 180
SETTING = "GOLEM_TEST_MACHINES"
# runc copies a command's output itself, until nobody holds it any more
KNOWN = {"runc": {"what_is_left_in_the_background_holds_nobody_up"}}
ALL = ["it_comes_up", *BEHAVIOURS, "it_ends"]


def driver(name: str, *, as_root: bool) -> object:
    program = name.removesuffix(ALONE)
    is_absent = shutil.which(program, path=SEARCH_PATH) is None
    absent = pytest.mark.skipif(is_absent, reason=f"{program} is missing")
    plain = pytest.mark.skipif(as_root and os.geteuid() != 0, reason="containers of this driver need root")
    return pytest.param(name, marks=[absent, plain])


def machine() -> object:
    """Emulated: it needs no hardware, and time. One boot is in every run of the tests, that of the siege."""
    missing = (
        "" if os.environ.get(SETTING) else f"all behaviours of an emulated machine take a minute: {SETTING}=1"
    )
    try:
        VmDriver.require(emulated=True)
    except NoRuntime as error:
        missing = str(error)
    return pytest.param(
        "vm-emulated", marks=[pytest.mark.slow, pytest.mark.skipif(bool(missing), reason=missing)]
    )


DRIVERS = [
    driver("crun", as_root=True),
    driver("runc", as_root=True),
    driver("bwrap", as_root=False),
    driver("bwrap-alone", as_root=False),
    machine(),
]


@pytest.fixture(scope="module", params=DRIVERS)
def conforming(request: pytest.FixtureRequest, images: Path) -> dict[str, str | None]:
    """What is wrong with a driver, by behaviour."""
    home = Path(tempfile.mkdtemp(prefix="golem-conformance-"))
    try:
        command = [sys.executable, str(CONFORMER), request.param, str(home), str(images)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        print(done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(home)


def test_every_behaviour_was_looked_at(conforming: dict[str, str | None]) -> None:
    assert list(conforming) == ALL


@pytest.mark.parametrize("behaviour", ALL)
def test_it_behaves(
    conforming: dict[str, str | None], behaviour: str, request: pytest.FixtureRequest
) -> None:
    if behaviour in KNOWN.get(request.node.callspec.params["conforming"], {}):
        request.node.add_marker(pytest.mark.xfail(strict=True))
    assert conforming[behaviour] is None

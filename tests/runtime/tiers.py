"""The kinds of sandbox that run here, and one of them looked at as a whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ground import ALONE

from golemnet.runtime.commands import SEARCH_PATH
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.vm.driver import VmDriver

CONFORMER = Path(__file__).with_name("conformer.py")
TIMEOUT_S = 180
SETTING = "GOLEM_TEST_MACHINES"


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


def conform(name: str, images: Path, kind: str) -> dict[str, str | None]:
    """What is wrong with a driver, by behaviour of the module ``kind``."""
    home = Path(tempfile.mkdtemp(prefix="golem-conformance-"))
    try:
        command = [sys.executable, str(CONFORMER), name, str(home), str(images), kind]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        print(done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(home)

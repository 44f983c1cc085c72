"""Cleaning up after one ExeUnit that was killed: at once, but not before its owner is dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from golemnet.runtime.cgroups import groups_of
from golemnet.runtime.clean_up import clean_up_after

UP = "await driver.deploy(IMAGE, LIMITS, {})\nawait driver.start()\nprint('up', flush=True)\n"
OWNER = """
import sys
from pathlib import Path
from golemnet.runtime.environment_folder import EnvironmentFolder, Marker
folder = EnvironmentFolder(Path(sys.argv[1]), Marker("none", ""))
print("up", flush=True)
sys.stdin.read()
"""
PATIENCE_S = 20.0


def until_up(owner: subprocess.Popen[bytes]) -> None:
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"


def test_the_owner_is_waited_for(tmp_path: Path) -> None:
    folder, pipe = tmp_path / "activity", subprocess.PIPE
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdin=pipe, stdout=pipe)
    with owner:
        until_up(owner)
        clean_up_after(folder, timeout_s=0.0)
        assert folder.exists()
        cleaning = threading.Thread(target=clean_up_after, args=(folder, PATIENCE_S))
        cleaning.start()
        owner.kill()
        cleaning.join(PATIENCE_S)
    assert not folder.exists()


def test_a_folder_without_an_environment_is_nobodys(tmp_path: Path) -> None:
    clean_up_after(tmp_path, timeout_s=PATIENCE_S)
    assert tmp_path.exists()


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="control groups need root")


@pytest.mark.privileged
@ROOT_ONLY
def test_the_control_groups_of_a_killed_container_are_removed(laboratory) -> None:
    container = f"test-{laboratory.name}"
    body = UP + "await asyncio.Event().wait()"
    with subprocess.Popen(laboratory.command("crun", body), stdout=subprocess.PIPE) as owner:
        until_up(owner)
        assert groups_of(container)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        clean_up_after(laboratory.work_dir)
    assert groups_of(container) == []
    assert not laboratory.work_dir.exists()


@pytest.mark.privileged
@ROOT_ONLY
def test_nothing_is_left_below_the_mounts_of_control_groups(laboratory, tmp_path: Path) -> None:
    laboratory.run("crun", UP + "print('', end='', flush=True)")
    below = tmp_path / "below"
    below.mkdir()
    # without what is mounted on it
    look = f"mount --bind /sys/fs/cgroup {below} && find {below} -name test-{laboratory.name}"
    found = subprocess.run(["unshare", "-m", "sh", "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout == ""

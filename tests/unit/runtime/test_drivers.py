"""One suite for every driver, then what only containers of root can promise."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from golemnet.runtime.cgroups import groups_of
from golemnet.runtime.clean_up import clean_up

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of these drivers need root"),
]
RUNC = pytest.param(
    "runc", marks=pytest.mark.skipif(shutil.which("runc") is None, reason="no runc: apt-get install runc")
)
DRIVERS = ("crun", RUNC, "bwrap")
UP = "volumes = await driver.deploy(IMAGE, LIMITS, {'EXTRA': 'more'})\nawait driver.start()\n"


def traces(work_dir: Path) -> list[str]:
    mounts = Path("/proc/mounts").read_text()
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    return [line for line in (mounts + loops).splitlines() if str(work_dir) in line]


@pytest.mark.parametrize("driver", DRIVERS)
def test_commands_see_their_environment_and_keep_their_files(laboratory, driver):
    body = UP + (
        "first = await shell(driver, 'echo $GREETING $EXTRA; pwd; echo kept > /golem/work/file; exit 3')\n"
        "second = await shell(driver, 'cat /golem/work/file; touch /written && echo yes')\n"
        "return [first, second, (volumes[0].directory / 'file').read_text()]"
    )
    first, second, seen_from_host = json.loads(laboratory.run(driver, body))
    assert first == [3, "hello more\n/\n"]
    assert second == [0, "kept\nyes\n"]
    assert seen_from_host == "kept\n"
    assert not laboratory.work_dir.exists()
    assert traces(laboratory.work_dir) == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_the_wall(laboratory, driver):
    body = UP + (
        "return [await shell(driver, line) for line in ("
        "'cat /proc/self/status', 'unshare -U true', 'mount -t tmpfs x /tmp',"
        "'[ $(hostname other; hostname) = other ]',"
        "'cat /proc/net/dev', 'cat /etc/shadow', 'ls /root /home')]"
    )
    status, *refused, devices, shadow, _homes = json.loads(laboratory.run(driver, body))
    lines = dict(line.split(":", 1) for line in status[1].splitlines())
    assert {lines[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {"0" * 16}
    assert lines["NoNewPrivs"].strip() == "1"
    assert lines["Seccomp"].strip() == "2"
    assert [text for code, text in refused if code == 0] == []
    assert [line.split(":")[0].strip() for line in devices[1].splitlines()[2:]] == ["lo"]
    assert shadow[0] != 0


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_command_is_killed(laboratory, driver):
    body = UP + (
        "process = await driver.run('/bin/sleep', ['1000'])\n"
        "await asyncio.sleep(0.2)\n"
        "await process.kill()\n"
        "return await process.wait()"
    )
    assert json.loads(laboratory.run(driver, body)) == 137


def test_a_sandbox_that_is_killed_while_it_is_set_up_leaves_nothing_behind(laboratory):
    body = UP + (
        "from golemnet.runtime.families import processes_of\n"
        "for number in range(60):\n"
        "    process = await driver.run('/bin/sleep', ['1000'])\n"
        "    await asyncio.sleep(number * 0.0002)\n"
        "    await process.kill()\n"
        "    await asyncio.wait_for(process.wait(), 20)\n"
        f"return processes_of('{laboratory.work_dir}/root')"
    )
    assert json.loads(laboratory.run("bwrap", body)) == []


@pytest.mark.parametrize("driver", ["crun", RUNC])
def test_limits_of_storage_and_processes(laboratory, driver):
    body = UP + (
        "return [await shell(driver, line) for line in ("
        "'dd if=/dev/zero of=/golem/work/big bs=1M count=64', 'dd if=/dev/zero of=/big bs=1M count=64',"
        "'for a in 1 2 3 4 5; do for b in 1 2 3 4 5 6; do sleep 1 & done; done; wait')]"
    )
    volume, root, forks = json.loads(laboratory.run(driver, body))
    assert "No space left" in volume[1]
    assert "No space left" in root[1]
    assert "ork" in forks[1]


def test_usage_is_measured(laboratory):
    body = UP + (
        "await shell(driver, 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done')\n"
        "used = await driver.usage()\n"
        "await driver.stop()\n"
        "return [used.cpu_sec, used.memory_peak_bytes, (await driver.usage()).cpu_sec]"
    )
    cpu, memory, after_stop = json.loads(laboratory.run("crun", body))
    assert 0.02 < cpu <= after_stop < 20
    assert 100_000 < memory <= 64 << 20


def test_what_is_no_image_is_refused_and_leaves_nothing(laboratory, tmp_path):
    laboratory.image = tmp_path / "broken"
    laboratory.image.write_bytes(b"hsqs" + bytes(8192))
    done = subprocess.run(laboratory.command("crun", UP), capture_output=True, text=True, check=False)
    assert "not a readable squashfs" in done.stderr
    assert not laboratory.work_dir.exists()


def test_a_killed_owner_leaves_nothing_but_files_which_are_cleaned_up(laboratory):
    body = UP + "process = await driver.run('/bin/sleep', ['76543'])\nawait process.wait()"
    owner = subprocess.Popen(laboratory.command("crun", body))
    wait_until(lambda: is_running("^/bin/sleep 76543"))
    assert clean_up(laboratory.work_dir.parent) == []
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not is_running("^/bin/sleep 76543") and traces(laboratory.work_dir) == [])
    assert clean_up(laboratory.work_dir.parent) == [f"test-{laboratory.name}"]
    assert groups_of(f"test-{laboratory.name}") == []
    assert not laboratory.work_dir.exists()


def is_running(pattern: str) -> bool:
    return subprocess.run(["pgrep", "-f", pattern], capture_output=True, check=False).returncode == 0


def wait_until(check) -> None:
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)

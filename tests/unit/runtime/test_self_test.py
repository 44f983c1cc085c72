import asyncio
import os
import sys

import msgspec
import pytest

from golemnet.runtime.driver import Isolation
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.selection import make_driver
from golemnet.runtime.self_test import SelfTest
from golemnet.runtime.self_testing import self_test


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0, reason="containers of this driver need root")
async def test_the_best_driver_is_found_by_running_a_command(tmp_path):
    found = await self_test(tmp_path)
    assert found.require() == "crun"
    assert found.isolation is Isolation.CONTAINER
    assert 0 < found.seconds < 10
    assert found.capabilities == ("manifest-support", "vpn", "inet")
    assert os.listdir(tmp_path) == []


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0, reason="containers of this driver need root")
async def test_what_networks_need_is_not_offered_where_it_is_missing(tmp_path):
    """Another process tests: so the device is hidden from it by a mount."""
    found = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/net/tun && exec "$@"', "sh"),
        *(sys.executable, "-m", "golemnet.runtime.self_test", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(found.communicate(), 30)
    result = msgspec.json.decode(output, type=SelfTest)
    assert (result.driver, result.capabilities) == ("crun", ("manifest-support", "inet"))
    assert "network" in result.problems["vpn"]


@pytest.mark.privileged
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("GOLEM_TEST_MACHINES"), reason="it boots: GOLEM_TEST_MACHINES=1")
@pytest.mark.skipif(os.geteuid() != 0, reason="/dev/net/tun is root's on many machines")
async def test_a_virtual_machine_can_do_what_containers_can(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLEM_RUNTIME", "vm-emulated")
    found = await self_test(tmp_path)
    assert (found.require(), found.problems) == ("vm-emulated", {})
    assert found.capabilities == ("manifest-support", "vpn", "inet")


async def test_a_machine_without_tools_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("golemnet.runtime.commands.SEARCH_PATH", str(tmp_path))
    with pytest.raises(NoRuntime) as refused:
        make_driver("crun", "name", tmp_path)
    assert "apt-get install crun" in str(refused.value)


def test_no_driver_is_an_error_with_every_reason():
    with pytest.raises(NoRuntime) as refused:
        SelfTest(None, None, 0.0, {"crun": "too old", "runc": "missing"}).require()
    assert "crun: too old" in str(refused.value)
    assert "runc: missing" in str(refused.value)


def test_there_is_no_driver_without_a_wall(tmp_path):
    with pytest.raises(NoRuntime):
        make_driver("subprocess", "name", tmp_path)

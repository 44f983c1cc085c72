import os

import pytest

from golemnet.runtime.driver import Isolation
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.selection import make_driver
from golemnet.runtime.self_test import SelfTest, self_test


@pytest.mark.privileged
@pytest.mark.skipif(os.geteuid() != 0, reason="containers of this driver need root")
async def test_the_best_driver_is_found_by_running_a_command(tmp_path):
    found = await self_test(tmp_path)
    assert found.require() == "crun"
    assert found.isolation is Isolation.CONTAINER
    assert 0 < found.seconds < 10
    assert os.listdir(tmp_path) == []


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

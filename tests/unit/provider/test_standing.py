"""What is seen of an agent from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from golemnet.provider.opening import _only_one
from golemnet.provider.presets import Preferences, save
from golemnet.provider.reports import isolation_facts
from golemnet.provider.settings import AgentSettings
from golemnet.provider.standing import (
    is_running,
    last_self_test,
    preferences_now,
    save_self_test,
)
from golemnet.runtime.driver import Isolation
from golemnet.runtime.self_test import SelfTest


def test_an_agent_runs_as_long_as_it_holds_its_lock(tmp_path: Path) -> None:
    settings = AgentSettings(tmp_path)
    assert not is_running(settings)
    with _only_one(settings.lock_file):
        assert is_running(settings)
    assert not is_running(settings)


def test_what_an_agent_was_started_with_holds_as_long_as_it_runs(tmp_path: Path) -> None:
    settings = AgentSettings(tmp_path)
    save(settings.preferences_file, Preferences(node_name="mine", subnet="one"))
    with _only_one(settings.lock_file):
        save(settings.started_file, Preferences(node_name="other", subnet="two", active=["cheap"]))
        now = preferences_now(settings)
        assert (now.node_name, now.subnet, now.active) == ("other", "two", ["cheap"])
    assert (preferences_now(settings).node_name, preferences_now(settings).subnet) == ("mine", "one")


@pytest.mark.parametrize(
    ("tested", "facts"),
    [
        (SelfTest("crun", Isolation.CONTAINER, 0.1, {}, ("vpn", "inet")), ("crun", "container", "vpn, inet")),
        (SelfTest("crun", Isolation.CONTAINER, 0.1, {"vpn": "no tun"}), ("crun", "container", "no tun")),
        (SelfTest(None, None, 0.0, {"crun": "x"}), (None, "none works here", "none")),
    ],
)
def test_the_isolation_that_was_found_is_kept_for_the_owner(tmp_path: Path, tested, facts) -> None:
    file = tmp_path / "self-test.json"
    assert last_self_test(file) is None
    save_self_test(file, tested)
    assert last_self_test(file) == tested
    assert tuple(isolation_facts(last_self_test(file)).values()) == facts


def test_before_the_first_start_nothing_is_known_of_isolation() -> None:
    assert isolation_facts(None) == {
        "runtime": None,
        "isolation": "not tested yet",
        "capabilities": None,
    }

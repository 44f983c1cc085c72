"""What an agent is told from outside goes before what its owner has decided."""

import socket
from pathlib import Path

import pytest

from golemnet.errors import GolemError
from golemnet.provider.presets import Preferences
from golemnet.provider.settings import AgentSettings, settings_from

EVERYTHING = {"DATA_DIR": "/env", "NODE_NAME": "bob", "SUBNET": "lab", "YAGNA_SUBNET": "other"}


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        (EVERYTHING, {}, AgentSettings(Path("/env"), "bob", "lab")),
        ({"YAGNA_SUBNET": "other"}, {"data_dir": Path("/arg")}, AgentSettings(Path("/arg"), None, "other")),
        (
            EVERYTHING,
            {"data_dir": Path("/arg"), "node_name": "ann", "subnet": "x"},
            AgentSettings(Path("/arg"), "ann", "x"),
        ),
        ({"SUBNET": "", "NODE_NAME": "", "DATA_DIR": "/d"}, {}, AgentSettings(Path("/d"))),
    ],
)
def test_arguments_go_before_the_environment(environment, arguments, expected):
    assert settings_from(environment, **arguments) == expected


def test_without_a_word_data_is_kept_in_the_owners_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    settings = settings_from({})
    assert settings.data_dir == Path("/home/ann/.local/share/ya-provider")
    kept = {settings.preferences_file, settings.journal_file, settings.lock_file, settings.workshop}
    assert {path.parent for path in kept} == {settings.data_dir}
    assert len(kept) == 4


def test_a_relative_folder_is_that_of_now(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert settings_from({"DATA_DIR": "data"}).data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("told", "decided", "name", "subnet"),
    [
        ((None, None), ("ann", "lab"), "ann", "lab"),
        (("bob", "demo-1"), ("ann", "lab"), "bob", "demo-1"),
        ((None, None), ("", "lab"), socket.gethostname(), "lab"),
    ],
)
def test_what_is_told_replaces_what_was_decided(told, decided, name, subnet):
    applied = AgentSettings(Path("/d"), *told).apply(Preferences(*decided))
    assert (applied.node_name, applied.subnet) == (name, subnet)


@pytest.mark.parametrize("subnet", ["a)(b", "a=b", "*", "<x", "a\\b", " "])
def test_a_subnet_that_constraints_cannot_hold_is_refused(subnet):
    with pytest.raises(GolemError, match="is no name for a subnet"):
        AgentSettings(Path("/d"), subnet=subnet).apply(Preferences())

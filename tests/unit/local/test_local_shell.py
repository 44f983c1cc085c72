"""Whether a shell is that of a local network is told by the environment that this network itself prints."""

from pathlib import Path

import pytest

from golemnet.local.layout import DEFAULT_DIRECTORY, Layout
from golemnet.local.plan import Choices, Ports, new_secrets, node_names, script_environment
from golemnet.model import local_shell
from golemnet.model.local_shell import RESTART_HINT, START_HINT, local_directory, restart_hint, start_hint

NAMES = node_names(1)


def environment(directory: Path) -> dict[str, str]:
    ports = Ports(1, 2, dict.fromkeys(NAMES, 3), dict.fromkeys(NAMES, 4))
    return script_environment(Choices(1), Layout.at(directory), ports, new_secrets(NAMES, None))


def test_the_shell_of_a_local_network_is_known(tmp_path):
    folder = tmp_path / "my net"
    assert local_directory(environment(folder)) == folder
    assert f"golem local up --dir '{folder}'" in start_hint(environment(folder))
    assert f"eval \"$(golem local env --dir '{folder}')\"" in start_hint(environment(folder))
    assert f"golem local restart requestor --dir '{folder}'" in restart_hint(environment(folder))


def test_the_usual_directory_needs_no_option():
    assert Path(local_shell.DEFAULT_DIRECTORY) == DEFAULT_DIRECTORY
    hint = start_hint(environment(DEFAULT_DIRECTORY))
    assert "`golem local up`" in hint
    assert '`eval "$(golem local env)"`' in hint


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"GOLEM_CHAIN_FILE": "/home/me/golem-chain/chain.json"},
        {"GOLEM_CHAIN_FILE": "/home/me/golem-chain/chain.json", "YAGNA_DATADIR": "/home/me/yagna"},
        {"GOLEM_CHAIN_FILE": "/home/me/local/chain/chain.json", "YAGNA_DATADIR": "/home/me/yagna"},
    ],
)
def test_another_shell_starts_its_daemon_itself(other):
    assert local_directory(other) is None
    assert start_hint(other) == START_HINT
    assert restart_hint(other) == RESTART_HINT
    assert start_hint(other, "Ask Ann.") == "Ask Ann."

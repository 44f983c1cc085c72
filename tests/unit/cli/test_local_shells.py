"""Programs in the shell of a local network say what that network has, and without any network what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from golemnet.cli.golem_doctor import doctor
from golemnet.cli.ya_provider import app
from golemnet.errors import GolemError

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a local network of two providers, which no shell knows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DATA_DIR", "YAGNA_APPKEY", "GSB_URL", "GOLEM_CHAIN_FILE", "YAGNA_DATADIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("provider-1", "provider-2"):
        (tmp_path / "net" / name / "agent").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def net(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and this is its shell."""
    monkeypatch.setenv("GOLEM_CHAIN_FILE", str(home / "net" / "chain" / "chain.json"))
    monkeypatch.setenv("YAGNA_DATADIR", str(home / "net" / "requestor"))
    return home / "net"


def ya_provider(*words: str) -> None:
    app(words, exit_on_error=False, print_error=False, result_action="return_value")


@pytest.mark.parametrize("command", ["status", "history"])
def test_the_agents_of_a_local_network_are_named(net: Path, command: str):
    with pytest.raises(GolemError) as error:
        ya_provider(command)
    assert error.value.next_step == f"`ya-provider {command} -d {net}/provider-1/agent`; likewise provider-2."


def test_an_agent_that_is_named_is_shown(net: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    ya_provider("status", "--data-dir", str(net / "provider-1" / "agent"), "--json")
    monkeypatch.setenv("DATA_DIR", str(net / "provider-2" / "agent"))
    ya_provider("status", "--json")
    assert capsys.readouterr().out.count("not running") == 2


CHANGES = [
    "config set --threads 1",
    "preset create night --per-hour 0.1",
    "preset remove default",
    "preset activate default",
    "preset deactivate default",
    f"access deny {'1' * 56}",
    "whitelist add -p a.example",
    "whitelist remove 1",
    "keystore add a.pem",
    "keystore remove 1",
    "rule set outbound disable",
    "rule set outbound everyone --mode none",
    "rule set outbound audited-payload cert-id 1 --mode all",
    "rule set outbound audited-payload import-cert a.pem --mode all",
    "rule set outbound partner cert-id 1 --mode all",
    "rule set outbound partner import-cert a.pem --mode all",
]


@pytest.mark.parametrize("command", CHANGES)
def test_no_agent_is_changed_that_is_not_named(net: Path, home: Path, command: str):
    own = home / ".local" / "share" / "ya-provider"
    with pytest.raises(GolemError) as error:
        ya_provider(*command.split())
    assert error.value.next_step == (
        f"Add `-d {net}/provider-1/agent` (likewise provider-2), or `-d {own}` for the agent of your own."
    )
    assert not own.exists()


def test_an_agent_that_is_named_is_changed(net: Path, monkeypatch: pytest.MonkeyPatch):
    ya_provider("config", "set", "--threads", "1", "-d", str(net / "provider-1" / "agent"))
    monkeypatch.setenv("DATA_DIR", str(net / "provider-2" / "agent"))
    ya_provider("config", "set", "--threads", "1")
    assert len(list(net.glob("provider-*/agent/preferences.json"))) == 2


def test_elsewhere_the_agent_of_the_user_is_changed(home: Path):
    ya_provider("config", "set", "--threads", "1")
    assert (home / ".local" / "share" / "ya-provider" / "preferences.json").exists()


def test_elsewhere_the_agent_of_the_user_is_shown(home: Path, capsys):
    ya_provider("status", "--json")
    assert "not running" in capsys.readouterr().out


def examined(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """What the doctor finds, and the next step, by what was looked at."""
    with pytest.raises(SystemExit):
        doctor(json=True)
    findings = json.loads(capsys.readouterr().out)
    return {each["name"]: (each["found"], each["next_step"]) for each in findings}


def test_the_doctor_without_any_network(home: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("GOLEM_REGISTRY_URL", NOBODY)
    findings = examined(capsys)
    assert "golem local env" in findings["daemon"][1]
    assert findings["registry"][0].startswith(f"{NOBODY} does not answer.")
    assert "`golem registry run`" in findings["registry"][1]
    assert findings["clock"] == ("Not looked at: the registry has to answer first.", "")


def test_the_doctor_in_the_shell_of_a_network_that_has_ended(
    net: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    for name, value in (("YAGNA_APPKEY", "key"), ("YAGNA_API_URL", NOBODY), ("GOLEM_REGISTRY_URL", NOBODY)):
        monkeypatch.setenv(name, value)
    findings = examined(capsys)
    for name in ("daemon", "registry"):
        assert f'`golem local up --dir {net}` unless it is up, then `eval "$(golem ' in findings[name][1]

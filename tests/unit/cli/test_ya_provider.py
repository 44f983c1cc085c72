"""What an owner tells the agent by commands, and reads again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from golemnet.cli.ya_provider import app
from golemnet.errors import GolemError

ANN, IMAGE = "0x" + "a" * 40, "1" * 56


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> str:
        app(
            [*words, "--data-dir", str(tmp_path)],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        return capsys.readouterr().out

    return run


def test_requestors_and_images_are_allowed_and_denied(run) -> None:
    run("access", "allow", ANN)
    run("access", "deny", IMAGE.upper())
    assert json.loads(run("access", "list", "--json")) == [
        {"kind": "requestor", "name": ANN, "access": "allowed"},
        {"kind": "image", "name": IMAGE, "access": "denied"},
    ]
    run("access", "forget", ANN)
    assert ANN not in run("access", "list")


def test_settings_stay_when_others_change(run) -> None:
    run("config", "set", "--max-agreements", "2", "--hours", "22:00-06:00", "--only-when-idle")
    run("config", "set", "--patience-minutes", "5")
    shown = json.loads(run("config", "show", "--json"))
    assert shown["max agreements"] == 2
    assert (shown["hours"], shown["only when idle"], shown["patience minutes"]) == ("22:00-06:00", True, 5)
    run("config", "set", "--hours", "always", "--no-only-when-idle")
    shown = json.loads(run("config", "show", "--json"))
    assert (shown["hours"], shown["only when idle"]) == ("always", False)


@pytest.mark.parametrize(
    "words",
    [
        "--patience-minutes inf",
        "--patience-minutes nan",
        "--patience-minutes -3",
        "--memory nan",
        "--disk inf",
        "--memory 0.05",
    ],
)
def test_what_is_no_number_is_refused_and_the_settings_stay(run, words: str) -> None:
    run("config", "set", "--patience-minutes", "5")
    before = run("config", "show")
    with pytest.raises(GolemError, match="must be a number"):
        run("config", "set", *words.split())
    assert run("config", "show") == before


def test_domains_are_listed_added_and_removed(run) -> None:
    before = json.loads(run("whitelist", "list", "--json"))
    run("whitelist", "add", "--patterns", "a.example", "b.example")
    run("whitelist", "add", "-p", ".*[.]c[.]example$", "--type", "regex")
    added = json.loads(run("whitelist", "list", "--json"))[len(before) :]
    assert [(each["domain"], each["match"]) for each in added] == [
        ("a.example", "strict"),
        ("b.example", "strict"),
        (".*[.]c[.]example$", "regex"),
    ]
    run("whitelist", "remove", added[0]["id"], added[2]["id"])
    assert json.loads(run("whitelist", "list", "--json"))[len(before) :] == [added[1]]


def test_rules_about_the_internet(run, tmp_path: Path) -> None:
    certificate, both = tmp_path / "root.cert", tmp_path / "both.pem"
    subject = ["-subj", "/CN=an auditor", "-keyout", str(both), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", *subject], check=True, capture_output=True
    )
    run("rule", "set", "outbound", "everyone", "--mode", "none")
    run("rule", "set", "outbound", "audited-payload", "import-cert", str(certificate), "--mode", "all")
    everyone, audited = json.loads(run("rule", "list", "--json"))
    assert (everyone["mode"], audited["mode"], audited["enabled"]) == ("none", "all", True)
    (known,) = json.loads(run("keystore", "list", "--json"))
    assert (known["id"], known["subject"]) == (audited["certificate"], "CN=an auditor")
    run("rule", "set", "outbound", "audited-payload", "cert-id", known["id"][:9], "--mode", "whitelist")
    run("rule", "set", "outbound", "disable")
    assert json.loads(run("rule", "list", "--json"))[1] == {**audited, "mode": "whitelist", "enabled": False}
    with pytest.raises(GolemError, match="a Golem one is needed"):
        run("rule", "set", "outbound", "partner", "cert-id", known["id"], "--mode", "all")
    run("keystore", "remove", known["id"][:9])
    assert json.loads(run("keystore", "list", "--json")) == []
    assert len(json.loads(run("rule", "list", "--json"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("keystore", "add", "/nowhere"),
        ("keystore", "add", __file__),
        ("keystore", "remove", "ab"),
        ("whitelist", "add", "https://a.example/"),
        ("whitelist", "add", "(", "--type", "regex"),
        ("whitelist", "remove", "ab"),
        ("access", "allow", "ann"),
        ("config", "set", "--hours", "late"),
        ("config", "set", "--max-agreements", "0"),
    ],
)
def test_what_makes_no_sense_is_refused(run, words) -> None:
    with pytest.raises(GolemError):
        run(*words)


def test_status_says_whether_it_runs_and_how_it_isolates(run) -> None:
    shown = json.loads(run("status", "--json"))
    assert (shown["agent"], shown["isolation"]) == ("not running", "not tested yet")
    assert [each["preset"] for each in shown["presets"]] == ["vm"]

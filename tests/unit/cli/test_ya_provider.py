"""What an owner tells the agent by commands, and reads again."""

from __future__ import annotations

import json
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

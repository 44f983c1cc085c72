"""What `golem map` tells of failures, and how runs and estimates are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from golemnet.cli.golem_runs import _cells, _command
from golemnet.cli.golem_work import Failures, SomeFailed, _in_words, _show
from golemnet.errors import GolemError
from golemnet.sdk.commands import Finished
from golemnet.sdk.costs import Estimate
from golemnet.sdk.errors import ShellFailed
from golemnet.sdk.runs import Summary


def failed(command: str, status: int) -> ShellFailed:
    result = Finished(command=command, status=status, stdout="", stderr="no such file\n", files=[])
    what = f"`{command}` has ended with status {status}."
    return ShellFailed(what, why="no such file", result=result)


def told(found: Sequence[Exception], capsys: pytest.CaptureFixture[str]) -> str:
    failures = Failures()
    for each in found:
        _show(each, False, failures)
    with pytest.raises(SomeFailed):
        failures.end()
    return capsys.readouterr().err


def test_each_command_that_fails_is_named_with_its_status(capsys: pytest.CaptureFixture[str]):
    assert told([failed("wc f1", 2), failed("wc f2", 3)], capsys).splitlines() == [
        "no such file",
        "error: `wc f1` has ended with status 2.",
        "no such file",
        "error: `wc f2` has ended with status 3.",
        "2 commands have failed",
    ]


def test_what_ends_all_of_them_is_told_once(capsys: pytest.CaptureFixture[str]):
    end = GolemError("The run was stopped at its budget.", next_step="Raise it.")
    assert told([end] * 3, capsys).splitlines() == [
        "error: The run was stopped at its budget.",
        "hint: Raise it.",
        "3 commands have failed",
    ]


def test_nothing_is_said_of_what_goes_well(capsys: pytest.CaptureFixture[str]):
    failures = Failures()
    _show(Finished(command="true", status=0, stdout="out", stderr="", files=[]), False, failures)
    failures.end()
    assert capsys.readouterr() == ("out", "")


def test_an_estimate_says_what_its_numbers_are():
    price = Decimal("0.055000000")
    shown = _in_words(Estimate(2, price, price, Decimal("0.000763889"), Decimal("0.001"), 25.0))
    assert (shown["cost"], shown["cheapest"]) == ("0.000763889 GLM", "0.055 GLM an hour")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["/venv/bin/python", "/venv/bin/golem", "map", "wc {}", "a"], "golem map 'wc {}' a"),
        (["/venv/bin/python", "render.py", "5"], "render.py 5"),
        (["/venv/bin/python", "/home/ann/render.py"], "/home/ann/render.py"),
        (["/venv/bin/python"], "''"),
    ],
)
def test_a_run_s_command_is_shown_as_it_was_typed(arguments: list[str], shown: str):
    assert _command(arguments) == shown


def test_a_run_takes_one_line_of_the_table():
    script = "\nfrom golemnet import Golem\n\nprint(Golem)\n"
    run = Summary("x", "ended", 1, datetime(2026, 1, 1, tzinfo=UTC), ("python", "-c", script), "/")
    assert _cells(run)["command"] == "-c ' from golemnet import Golem print(Golem) '"

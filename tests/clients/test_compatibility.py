"""The closing table says what the tests have found, and never more."""

from __future__ import annotations

import pytest
from compatibility import Compatibility
from rich.console import Console

SHOWN = ("client 1.0", "batch")


def report(outcome: str, when: str = "call") -> pytest.TestReport:
    return pytest.TestReport("test_it", ("", 0, ""), {}, outcome, None, when)  # type: ignore[arg-type]


def cell(*reports: pytest.TestReport) -> str:
    found = Compatibility()
    for each in reports:
        found.note(SHOWN, each)
    console = Console(width=80)
    with console.capture() as captured:
        console.print(found.table())
    row = next(line for line in captured.get().splitlines() if "client 1.0" in line)
    return row.split()[-1]


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        (("passed", "passed"), "yes"),
        (("passed", "skipped"), "skipped"),
        (("failed", "passed"), "NO"),
        (("skipped", "failed"), "NO"),
    ],
)
def test_the_worst_of_several_tests_counts(outcomes: tuple[str, ...], word: str) -> None:
    assert cell(*(report(outcome) for outcome in outcomes)) == word


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_a_failure_around_a_test_counts(when: str) -> None:
    assert cell(report("passed"), report("failed", when)) == "NO"


def test_a_set_up_shows_nothing_yet() -> None:
    found = Compatibility()
    found.note(SHOWN, report("passed", "setup"))
    assert not found.outcomes

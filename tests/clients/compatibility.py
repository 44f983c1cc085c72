"""The closing table of the suite: which published client can do what here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

MARK = "shows"
WIDTH = 140
WORDS = {"passed": "yes", "skipped": "skipped", "failed": "NO"}
# The worst of several tests that show the same.
SEVERITY = ("passed", "skipped", "failed")


@dataclass(eq=False)
class Compatibility:
    """What the tests with the mark ``shows(client, *capabilities)`` have found."""

    outcomes: dict[tuple[str, str], str] = field(default_factory=dict)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Note how a test has ended; its set-up and its end count too."""
        result = yield
        report: pytest.TestReport = result.get_result()
        for mark in item.iter_markers(MARK):
            client, *capabilities = mark.args
            for capability in capabilities:
                self.note((client, capability), report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, if there is anything in it."""
        if self.outcomes:
            console = Console(width=WIDTH)
            with console.capture() as captured:
                console.print(self.table())
            terminalreporter.write_line("")
            terminalreporter.write_line(captured.get())

    def note(self, shown: tuple[str, str], report: pytest.TestReport) -> None:
        """Take in a report about a client and a capability; the worst of several counts."""
        if report.when == "call" or report.outcome != "passed":
            known = self.outcomes.get(shown, "passed")
            self.outcomes[shown] = max(known, report.outcome, key=SEVERITY.index)

    def table(self) -> Table:
        """A row for each client, a column for each capability."""
        table = Table(
            title="Published clients against this network",
            box=box.SIMPLE_HEAD,
            caption="-: no test of this suite shows it",
            show_edge=False,
            collapse_padding=True,
        )
        table.add_column("client", no_wrap=True)
        capabilities = list(_first(capability for _, capability in self.outcomes))
        for capability in capabilities:
            longest = max(len(word) for word in capability.split())
            table.add_column(capability, justify="center", min_width=longest)
        for client in _first(client for client, _ in self.outcomes):
            table.add_row(client, *(self._word(client, each) for each in capabilities))
        return table

    def _word(self, client: str, capability: str) -> str:
        outcome = self.outcomes.get((client, capability))
        return WORDS[outcome] if outcome else "-"


def _first(values: Iterable[str]) -> Iterable[str]:
    """Each value once, in the order of the first time."""
    return dict.fromkeys(values)

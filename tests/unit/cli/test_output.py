"""Tables in a narrow terminal: texts are folded, numbers are whole."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich import console

from golemnet.cli import golem_providers, output
from golemnet.cli.output import show_rows, show_table
from golemnet.cli.payment_tables import status_rows
from golemnet.cli.provider_tables import history_table
from golemnet.rest.payment import AccountStatus
from golemnet.sdk.providers import Provider, learn

ID = "0x" + "ab12" * 10


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 80 columns."""
    screen = io.StringIO()
    usual = console.Console
    monkeypatch.setattr(
        console, "Console", lambda: usual(file=screen, width=80, force_terminal=True, color_system=None)
    )
    return screen


def shown(screen: io.StringIO) -> list[str]:
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in re.sub("0x[0-9a-f]{6}…", "", screen.getvalue()), "nothing but ids is cut"
    return lines


def test_amounts_of_an_account_are_whole(terminal: io.StringIO):
    amount = Decimal("999999.123456")
    status = AccountStatus(
        address=ID,
        platform="erc20-holesky-tglm",
        driver="erc20",
        network="holesky",
        token="tGLM",
        amount=amount,
        reserved=amount,
        gas=amount,
        outgoing_requested=amount,
        outgoing_accepted=amount,
        outgoing_confirmed=amount,
        incoming_requested=amount,
        incoming_accepted=amount,
        incoming_confirmed=amount,
    )
    show_rows(status_rows(status), as_json=False)
    assert "\n".join(shown(terminal)).count("999999.123456") == 9


def test_the_history_of_an_agent(terminal: io.StringIO):
    approved = datetime(2026, 11, 26, 22, 15, tzinfo=UTC)
    row: output.Row = {
        "agreement": "f" * 64,
        "approved": approved,
        "requestor": "autoconfigured",
        "state": "SETTLED",
        "amount": Decimal("0.000123456789012345"),
        "transaction": f"{ID}, {ID}",
    }
    show_table(history_table([row, {**row, "requestor": ID, "approved": None, "transaction": ""}]))
    text = terminal.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for each in ("2026-11-26 22:15", "autoconfigured", "SETTLED", "0.000123", "0xab12ab…"):
        assert each in text


def test_providers_that_are_known(terminal: io.StringIO, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path))
    known = Provider(
        ID, "provider-1", done=12345, disputes=1, seconds=3600, spent=Decimal("12.5"), why="it lies"
    )
    known.is_blocked = True
    learn({ID: known})
    golem_providers.block("0xab12ab…", why="it lies")
    golem_providers.show()
    text = "\n".join(shown(terminal))
    for each in ("provider-1", "0xab12ab…", "12345", "12.5000", f"{datetime.now(UTC):%Y-%m}"):
        assert each in text
    assert "1 dispute" in text
    assert "lies" in text

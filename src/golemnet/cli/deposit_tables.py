"""Deposits as a table and as a card: whose they are, what is left in them, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from golemnet.cli.moments import show_moment
from golemnet.model.money import format_amount
from golemnet.rest.deposits import CLOSED, OPEN, FundedDeposit

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {OPEN: "green", CLOSED: "dim"}
_END = 8


def deposits_table(deposits: Sequence[FundedDeposit], own: str) -> Table:
    """A line for each, within 80 columns; ids and addresses by their ends, and commands take those of ids."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for header in ("deposit", "of", "for"):
        table.add_column(header)
    for header in ("GLM left", "fee"):
        table.add_column(header, justify="right")
    for header in ("valid until (UTC)", "state"):
        table.add_column(header)
    for each in deposits:
        table.add_row(*_cells(each, own))
    return table


def deposit_card(deposit: FundedDeposit, now: datetime) -> Table:
    """Everything about one, a line for each."""
    from rich.table import Table

    card = Table.grid(padding=(0, 2, 0, 0))
    card.add_column(style="bold")
    card.add_column(overflow="fold")
    for name, value in _lines(deposit, now).items():
        card.add_row(name, value)
    return card


def _lines(deposit: FundedDeposit, now: datetime) -> Mapping[str, str]:
    lines = {
        "deposit": deposit.id,
        "contract": deposit.contract,
        "funder": deposit.funder,
        "spender": deposit.spender,
        "left": f"{format_amount(deposit.amount)} GLM",
        "fee": f"{format_amount(deposit.fee)} GLM",
        "valid until": show_moment(deposit.valid_to, now),
        "state": _state(deposit),
    }
    return lines | ({"allocation": deposit.allocation_id} if deposit.allocation_id else {})


def _cells(deposit: FundedDeposit, own: str) -> list[str]:
    return [
        _end(deposit.id),
        "us" if deposit.funder == own else _end(deposit.funder),
        "us" if deposit.spender == own else _end(deposit.spender),
        format_amount(round(deposit.amount, 6)),
        format_amount(round(deposit.fee, 6)),
        f"{deposit.valid_to:%Y-%m-%d %H:%M}",
        _state(deposit),
    ]


def _state(deposit: FundedDeposit) -> str:
    return f"[{_COLOURS.get(deposit.state, 'yellow')}]{deposit.state}[/]"


def _end(text: str) -> str:
    return f"…{text[-_END:]}"

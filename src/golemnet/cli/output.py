"""How commands talk: rows become a table or JSON on stdout, errors go to stderr as labelled lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from golemnet.errors import GolemError
from golemnet.rest.wire import encode

if TYPE_CHECKING:
    from rich.table import Table

Value = str | int | float | bool | Decimal | datetime | None
Row = Mapping[str, Value]


def show_rows(rows: Sequence[Row], *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print ``rows`` as a table, or as a JSON list with an object a row.

    Args:
        rows: column name to value; all rows have the same columns.
        as_json: for programs.
        columns: headers of an empty table.
    """
    if as_json:
        show_json(rows)
        return
    _print_table(rows, list(rows[0]) if rows else list(columns))


def show_one(row: Mapping[str, object], *, as_json: bool) -> None:
    """Print one thing: ``name: value`` lines, or a JSON object."""
    if as_json:
        show_json(row)
        return
    for name, value in row.items():
        print(f"{name}: {_text(value)}")


def show_json(value: object) -> None:
    """Print ``value`` as indented JSON; amounts are strings."""
    print(msgspec.json.format(encode(value), indent=2).decode())


def show_error(error: GolemError) -> None:
    """Print what happened, why, and what to do, on stderr."""
    for line in error.lines():
        print(line, file=sys.stderr)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, box=box.SQUARE, header_style="bold green")
    for row in rows:
        table.add_row(*(escape(_text(row[name])) for name in columns))
    show_table(table)


def show_table(table: Table) -> None:
    """Print a table; one that is piped is not cut at 80 columns."""
    from rich.console import Console

    console = Console()
    console.width = console.width if console.is_terminal else 240
    console.print(table)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "X" if value else ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)

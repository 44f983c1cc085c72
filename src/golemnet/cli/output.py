"""How commands talk: rows become a table or JSON on stdout, errors go to stderr as labelled lines."""

from __future__ import annotations

import re
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

SHOWN_OF_ID = 8
# What begins like an amount: `0.5 tGLM`, and not `0x12ab` or a time.
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?( \w+)?$")

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


def compact_table(
    rows: Sequence[Mapping[str, str]], columns: Sequence[str], right: Sequence[str], whole: Sequence[str] = ()
) -> Table:
    """A table that spares room: where that is too little, texts are folded.

    Args:
        rows: column name to text.
        columns: the headers.
        right: those of numbers, which are never folded.
        whole: what is not folded either.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        side, is_whole = ("right" if name in right else "left"), name in (*right, *whole)
        table.add_column(name, justify=side, no_wrap=is_whole, overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[name]) for name in columns))
    return table


def short_id(text: str) -> str:
    """The beginning of an id or a hash, for tables."""
    return f"{text[:SHOWN_OF_ID]}…" if len(text) > SHOWN_OF_ID + 1 else text


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, box=box.SQUARE, header_style="bold green")
    texts = [[_text(row[name]) for name in columns] for row in rows]
    for each in texts:
        table.add_row(*map(escape, each))
    console = Console()
    if console.is_terminal and table.__rich_measure__(console, console.options).maximum > console.width:
        _squeeze(table, texts)
    show_table(table)


def _squeeze(table: Table, texts: Sequence[Sequence[str]]) -> None:
    """Take the frame away, and break what is too long; numbers are never cut."""
    from rich import box

    table.box, table.pad_edge, table.padding = box.SIMPLE_HEAD, False, (0, 1, 0, 0)
    for number, column in enumerate(table.columns):
        cells = [str(column.header), *(each[number] for each in texts)]
        column.overflow = "fold"
        if any(_AMOUNT.match(each) for each in cells):
            column.width = max(len(word) for each in cells for word in each.split() or [""])


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

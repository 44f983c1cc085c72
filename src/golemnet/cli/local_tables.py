"""The processes of a local network as a table that fits into 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from golemnet.model.money import format_amount

if TYPE_CHECKING:
    from rich.table import Table

    from golemnet.local.status import Line

READY = "ready"
_SHOWN_OF_ID = 8


def status_table(lines: Sequence[Line]) -> Table:
    """A line for each process; node ids are shortened, as ``--json`` has them in whole."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for header in ("process", "state"):
        table.add_column(header)
    for header in ("pid", "MB"):
        table.add_column(header, justify="right")
    for header in ("node id", "api"):
        table.add_column(header)
    table.add_column("GLM", justify="right")
    for line in lines:
        table.add_row(*cells(line))
    return table


def cells(line: Line) -> list[str]:
    """The texts of a line; what is not known is empty."""
    colour = "green" if line.state == READY else "red"
    return [
        line.node,
        f"[{colour}]{line.state}[/]",
        str(line.pid or ""),
        str(line.memory_mb or ""),
        _short(line.node_id),
        (line.api or "").removeprefix("http://"),
        "" if line.balance is None else format_amount(round(line.balance, 4)),
    ]


def _short(node_id: str | None) -> str:
    return f"{node_id[:_SHOWN_OF_ID]}…{node_id[-4:]}" if node_id else ""

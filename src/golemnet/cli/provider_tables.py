"""What an agent has done as a table that fits into 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from golemnet.cli.output import Row, compact_table, short_id
from golemnet.model.money import short_amount

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("agreement", "approved (UTC)", "requestor", "state", "GLM", "transaction")


def history_table(rows: Sequence[Row]) -> Table:
    """A line for each agreement; ids are shortened, as ``--json`` has them in whole."""
    return compact_table([_cells(row) for row in rows], COLUMNS, ("GLM",), ("agreement", "approved (UTC)"))


def _cells(row: Row) -> dict[str, str]:
    approved, amount = row["approved"], row["amount"]
    return {
        "agreement": short_id(str(row["agreement"])),
        "approved (UTC)": _moment(approved) if isinstance(approved, datetime) else "",
        "requestor": _name(str(row["requestor"])),
        "state": str(row["state"]),
        "GLM": short_amount(amount) if isinstance(amount, Decimal) else "",
        "transaction": _first(str(row["transaction"]).split(", ")),
    }


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _first(transactions: Sequence[str]) -> str:
    more = f" +{len(transactions) - 1}" if len(transactions) > 1 else ""
    return f"{short_id(transactions[0])}{more}"


def _name(requestor: str) -> str:
    return short_id(requestor) if requestor.startswith("0x") else requestor

"""The demo's closing table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from settlement import Deal

from golemnet.local.status import Line


def show_table(
    console: Console,
    deals: Sequence[Deal],
    frames: Mapping[str, int],
    before: Mapping[str, Line],
    after: Mapping[str, Line],
) -> None:
    """Print a row for each provider, and one for who paid; ``frames`` counts by provider name."""
    table = Table(
        title="Who did what, and what it cost, in GLM",
        header_style="bold cyan",
        box=box.SIMPLE_HEAD,  # with the next two: all of it in 80 columns
        show_edge=False,
        collapse_padding=True,
    )
    for column in ("provider", "frames", "seconds", "price", "transaction", "before", "after"):
        right = column not in ("provider", "transaction")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for deal in deals:
        table.add_row(*_row(deal, frames, before, after))
    for node_id, line in before.items():
        if line.role == "requestor":
            total = sum((deal.price for deal in deals), Decimal(0))
            balances = (_amount(line.balance), _amount(after[node_id].balance))
            table.add_row(line.node, "", "", f"-{_amount(total)}", "", *balances, style="bold")
    console.print(table)
    for transaction in sorted({each for deal in deals for each in deal.transactions}):
        console.print(f" transaction {transaction}", soft_wrap=True)


def _row(
    deal: Deal, frames: Mapping[str, int], before: Mapping[str, Line], after: Mapping[str, Line]
) -> list[str]:
    name = before[deal.provider_id].node if deal.provider_id in before else deal.provider_id
    balances = [_amount(lines[deal.provider_id].balance) for lines in (before, after)]
    done = str(frames.get(name, ""))
    transactions = "\n".join(_short(each) for each in deal.transactions)
    return [name, done, f"{deal.seconds:.1f}", _amount(deal.price), transactions, *balances]


def _short(transaction: str) -> str:
    """Enough of a hash to find the whole of it below the table."""
    return f"{transaction[:10]}…"


def _amount(amount: Decimal | None) -> str:
    return "?" if amount is None else f"{amount:.6f}"

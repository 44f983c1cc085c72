"""What a benchmark has measured, beside what the project promises: a table, or JSON with ``--json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from rich.console import Console
from rich.table import Table


class Promise(NamedTuple):
    """A figure that has to be reached, at least or at most; with no ``limit`` it is only shown."""

    unit: str
    limit: float | None = None
    more_is_better: bool = False

    def is_kept(self, figure: float) -> bool:
        """Whether ``figure`` is good enough."""
        if self.limit is None:
            return True
        return figure >= self.limit if self.more_is_better else figure <= self.limit

    def __str__(self) -> str:
        if self.limit is None:
            return ""
        return f"{'>=' if self.more_is_better else '<='} {self.limit:,g} {self.unit}"


def at_most(limit: float, unit: str) -> Promise:
    """Less is better."""
    return Promise(unit, limit)


def at_least(limit: float, unit: str) -> Promise:
    """More is better."""
    return Promise(unit, limit, more_is_better=True)


def shown(unit: str) -> Promise:
    """Nothing is promised."""
    return Promise(unit)


def finish(promises: Mapping[str, Promise], figures: Mapping[str, float]) -> NoReturn:
    """Print ``figures`` in the order of ``promises``, and end with status 1 if one of these is not kept."""
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=2))
    else:
        Console().print(_table(promises, figures))
    kept = all(promise.is_kept(figures[what]) for what, promise in promises.items())
    sys.exit(0 if kept else 1)


def _table(promises: Mapping[str, Promise], figures: Mapping[str, float]) -> Table:
    load, python = os.getloadavg()[0], sys.version.split()[0]
    title = f"{os.cpu_count()} processors, load {load:.1f}, Python {python}"
    table = Table("what", "measured", "promised", title=title)
    for what, promise in promises.items():
        colour = "green" if promise.is_kept(figures[what]) else "red"
        table.add_row(what, f"[{colour}]{figures[what]:,.2f} {promise.unit}[/]", str(promise))
    return table

"""Progress for people: one line on a terminal that changes, and lines for what they should know."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from golemnet.model.money import short_amount
from golemnet.requestor.events import (
    AgreementSigned,
    ClaimRejected,
    Event,
    InstanceFailed,
    InstanceReady,
    InstancesMissing,
    NothingMatched,
    ProviderDisagreed,
    ProviderGone,
    RunEnded,
    TaskAccepted,
    TaskRecalled,
    TaskRetried,
    WorkerEnded,
    WorkerSaid,
)
from golemnet.requestor.summary import counted, describe
from golemnet.requestor.worker import STOPPED
from golemnet.sdk.costs import CostReport

IMPORTANT = (
    ClaimRejected,
    InstanceFailed,
    InstanceReady,
    InstancesMissing,
    NothingMatched,
    ProviderDisagreed,
    ProviderGone,
    TaskRetried,
    WorkerEnded,
    WorkerSaid,
)
SHOW_S = 0.1
TICK_S = 1.0


class Notes:
    """Hears events, writes the important ones to stderr; on a terminal it also shows where things are.

    Args:
        shows: whether there is a line that changes; by default if stderr is a terminal.
    """

    def __init__(self, shows: bool | None = None) -> None:
        self.shows = sys.stderr.isatty() if shows is None else shows
        self.total: int | None = None
        self.cost: Callable[[], Decimal] = Decimal
        self._providers: set[str] = set()
        self._refused: set[str] = set()
        self._done = 0
        self._began = time.monotonic()
        self._shown = 0.0
        self._live: Any = None
        self._ticking: asyncio.TimerHandle | None = None

    def __call__(self, event: Event) -> None:
        """Something has happened."""
        if isinstance(event, TaskAccepted | TaskRecalled):
            self._done += 1
        elif isinstance(event, AgreementSigned):
            self._providers.add(event.provider_id)
        elif isinstance(event, ClaimRejected) and event.agreement_id in self._refused:
            pass  # its invoice asks again for what its debit notes did
        elif isinstance(event, IMPORTANT) and getattr(event, "problem", "") != STOPPED:
            self._tell(event)
        if isinstance(event, RunEnded):
            self.close()
        elif self.shows and time.monotonic() - self._shown > SHOW_S:
            self._show()

    def say(self, text: str) -> None:
        """A line for people at a terminal."""
        if self.shows:
            print(text, file=sys.stderr, flush=True)

    def line(self) -> str:
        """Tasks, providers, what it can have cost, time left and time gone; without what is not known."""
        seconds = time.monotonic() - self._began
        parts: list[str] = []
        if self.total is not None or self._done:
            parts.append(f"{self._done}{'' if self.total is None else f'/{self.total}'} done")
        parts.append(counted(len(self._providers), "provider"))
        if (cost := self.cost()) > 0:
            parts.append(f"up to {short_amount(cost)} GLM")
        if self.total and 0 < self._done < self.total:
            parts.append(f"{seconds / self._done * (self.total - self._done):.0f} s left")
        return ", ".join([*parts, f"{seconds:.0f} s"])

    def close(self) -> None:
        """Take the line that changes away."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._live.stop()
            self._live = self._ticking = None

    def _tell(self, event: Event) -> None:
        if isinstance(event, ClaimRejected):
            self._refused.add(event.agreement_id)
        described = describe(event)
        if described is not None:
            _, who, what = described
            print(f"{who}: {what}", file=sys.stderr, flush=True)

    def _show(self) -> None:
        self._shown = time.monotonic()
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
            self._tick()
        self._live.update(self.line(), refresh=True)

    def _tick(self) -> None:
        """Time goes on also while nothing happens."""
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        self._live.update(self.line(), refresh=True)


def ending(report: CostReport) -> str:
    """A cost report as a few lines."""
    lines = [f"{short_amount(report.spent)} GLM"]
    for one in report.providers:
        failed = f", {one.failed} failed" if one.failed else ""
        lines.append(f"  {one.provider}: {one.tasks} done{failed}, {_spent(one.seconds, one.cost)}")
    for each in report.tasks:
        wrong = f", {each.errors} with an error" if each.errors else ""
        lines.append(
            f"  {each.task}: {counted(each.count, 'time')}{wrong}, {_spent(each.seconds, each.cost)}"
        )
    return "\n".join(lines)


def _spent(seconds: float, cost: Decimal) -> str:
    return f"{seconds:.1f} s, {short_amount(cost)} GLM"

"""What is kept of a run: its costs, its journal, its timeline, and what was learnt of providers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.events import Consumer, Event, ProviderDisagreed, TaskRecalled, TaskRetried
from golemnet.requestor.summary import counted
from golemnet.requestor.trouble import Trouble
from golemnet.requestor.worker import STOPPED
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.costs import Book, CostReport
from golemnet.sdk.journal import Journal, NotKept
from golemnet.sdk.providers import learn
from golemnet.sdk.timeline import Timeline


class History:
    """Hears everything of a run, passes it on, and keeps what is worth it.

    Args:
        run: its name; without one there is no journal.
        page: where a report goes at the end, if there shall be one.
        consume: hears each event as well.
        say: hears what people should know.
    """

    def __init__(
        self,
        run: str | None,
        page: str | os.PathLike[str] | None,
        consume: Consumer,
        say: Callable[[str], None],
    ) -> None:
        self._run = run or os.environ.get("GOLEM_RUN")
        self._page = None if page is None else Path(page).absolute()
        self._consume = consume
        self._say = say
        self._journal: Journal | None = None
        self._timeline = Timeline()
        self._trouble = Trouble("a crash would be remembered badly")
        self.book = Book()

    def open(self, buyer: Buyer) -> None:
        """Begin, or go on with what a killed process has left. Raises GolemError."""
        if self._page is not None and not self._page.parent.is_dir():
            raise GolemError(f"There is no folder {self._page.parent} for the report.")
        if self._run is None:
            return
        self._journal = Journal(self._run)
        buyer.earlier = self._journal.earlier
        if self._journal.done:
            self._say(f"the run {self._run} goes on, {counted(self._journal.done, 'result')} known")

    def reserved(self, allocation_id: str) -> None:
        """Money was set aside."""
        if self._journal is not None:
            self._journal.reserved(allocation_id)

    def note(self, event: Event) -> None:
        """Keep what a successor has to know if this process is killed."""
        if self._journal is None:
            return
        try:
            self._journal.hear(event)
        except NotKept as error:
            self._trouble.begins(error)

    def hear(self, event: Event) -> None:
        """Something has happened."""
        if isinstance(event, TaskRetried) and event.problem != STOPPED:
            self.book.note_failure(event.provider_id, event.provider_name)
        if isinstance(event, ProviderDisagreed):
            self.book.note_dispute(event.provider_id, event.provider_name)
        self.note(event)
        if self._page is not None:
            self._timeline.hear(event)
        self._consume(event)

    def once(self, call: Call, ask: Callable[[], asyncio.Future[Outcome]]) -> asyncio.Future[Outcome]:
        """What the call came to before the run was killed, else what it comes to now."""
        key = None if self._journal is None else self._journal.key(call)
        if self._journal is None or key is None:
            return ask()
        return asyncio.ensure_future(self._once(self._journal, key, call, ask))

    async def _once(
        self, journal: Journal, key: str, call: Call, ask: Callable[[], asyncio.Future[Outcome]]
    ) -> Outcome:
        if (known := journal.recall(key, call)) is not None:
            self.hear(TaskRecalled(data=repr(call)))
            return known
        outcome = await ask()
        if outcome.error is None:
            journal.note(key, outcome)
        return outcome

    def close(self, report: CostReport, budget: Decimal, *, has_ended: bool) -> None:
        """Keep what there is to keep; a place that cannot be written to is no reason to fail now."""
        seen = self.book.seen()
        if seen:
            with suppress(OSError):
                learn(seen)
        if self._page is not None:
            self._write(self._page, report, budget)
        if self._journal is None:
            return
        if has_ended:
            self._journal.end()
        elif self._journal.is_needed:
            what = "was done" if self._journal.done else "providers are owed"
            self._say(f"what {what} is kept: golem resume {self._run}")
        else:
            self._journal.drop()
        self._journal.close()

    def _write(self, page: Path, report: CostReport, budget: Decimal) -> None:
        from golemnet.sdk.report_page import write_report  # few runs want one

        try:
            write_report(page, self._timeline, report, budget)
            self._say(f"the report is {page}")
        except OSError as error:
            self._say(f"the report cannot be stored: {error}")

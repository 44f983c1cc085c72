"""After a restart: agreements that another run of the agent has left open are closed and billed."""

from __future__ import annotations

from datetime import datetime

import structlog

from golemnet.clock import Clock
from golemnet.model.names import NODE_NAME
from golemnet.model.properties import flatten
from golemnet.provider.billing import Terms, terms_of
from golemnet.provider.bookkeeping import Bookkeeping
from golemnet.provider.deal import SHUTDOWN
from golemnet.provider.journal import Journal
from golemnet.provider.polling import insist
from golemnet.provider.records import Approved
from golemnet.provider.states import State
from golemnet.rest.client import Client
from golemnet.rest.errors import NotFound
from golemnet.rest.market import Agreement

MESSAGE = "The provider was restarted."
PROVIDER, APPROVED = "Provider", "Approved"
PAGE = 100

log = structlog.get_logger(__name__)


def approval(agreement: Agreement, now: datetime) -> Approved:
    """The journal's first entry of an agreement."""
    name = flatten(agreement.demand.properties).get(NODE_NAME)
    return Approved(
        agreement_id=agreement.agreement_id,
        at=agreement.approved_date or now,
        requestor_id=agreement.demand.requestor_id,
        requestor_name=str(name or "")[:100],
    )


class Recovery:
    """Closes what was left open. Run before anything is offered."""

    def __init__(self, client: Client, clock: Clock, journal: Journal, books: Bookkeeping) -> None:
        self._client = client
        self._clock = clock
        self._journal = journal
        self._books = books

    async def run(self) -> None:
        """Close and bill every agreement that is approved, or whose invoice was not sent."""
        for agreement_id in await self._unfinished():
            try:
                await self._finish(agreement_id)
            except (NotFound, ValueError) as error:
                log.error("agreement cannot be closed", agreement_id=agreement_id, why=str(error))

    async def _unfinished(self) -> list[str]:
        market = self._client.market
        listed = await insist("agreements", self._clock, lambda: market.list_agreements(state=APPROVED))
        ours = [each.id for each in listed if each.role == PROVIDER]
        known = [
            record.agreement_id
            for record in self._journal.records()
            if record.state in (State.OPEN, State.ENDED)
        ]
        return list(dict.fromkeys([*known, *ours]))

    async def _finish(self, agreement_id: str) -> None:
        read = self._client.market.get_agreement
        agreement = await insist("agreement", self._clock, lambda: read(agreement_id))
        if self._journal.get(agreement_id) is None:
            await self._journal.add(approval(agreement, self._clock.now()))
        terms = terms_of(agreement)
        for activity_id in await self._activities(agreement):
            await self._books.recover_activity(agreement_id, activity_id, terms)
        await self._close(agreement_id, terms)
        log.info("agreement closed after a restart", agreement_id=agreement_id)

    async def _close(self, agreement_id: str, terms: Terms) -> None:
        record = self._journal.get(agreement_id)
        if record is not None and record.state is State.OPEN:
            await self._books.close(agreement_id, terms, MESSAGE, SHUTDOWN)
        else:
            await self._books.invoice(agreement_id, terms)

    async def _activities(self, agreement: Agreement) -> list[str]:
        """All activities of the agreement, by the daemon's own record of events."""
        after, found = agreement.timestamp, dict[str, None]()
        read = self._client.activity.provider_events
        while True:
            page = await insist(
                "activities", self._clock, lambda since=after: read(timeout_s=0, after=since, max_events=PAGE)
            )
            if not page:
                return list(found)
            found |= {
                event.activity_id: None for event in page if event.agreement_id == agreement.agreement_id
            }
            after = page[-1].event_date

"""What a run that was killed has left at others: its successor ends it, and pays for it."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from golemnet.requestor.demand import ACCEPT_TIMEOUT_S, DEBIT_NOTE_INTERVAL_S
from golemnet.requestor.market import Deal, candidate_of
from golemnet.requestor.payments import Cashier
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.market import Agreement, Proposal
from golemnet.rest.transport import DaemonUnreachable

# Providers stop by themselves when their debit notes stay without an answer.
GOES_ON_FOR = timedelta(seconds=DEBIT_NOTE_INTERVAL_S + ACCEPT_TIMEOUT_S + 30)
KILLED = {"message": "The script was killed, and its run goes on.", "golem.requestor.code": "Success"}

log = logging.getLogger(__name__)


class Leftovers(msgspec.Struct):
    """Allocations that are not released, agreements without an accepted invoice by when they were signed.

    ``spent`` is what was accepted, and ``stopped`` when the run last showed signs of life.
    """

    stopped: datetime
    allocations: list[str] = msgspec.field(default_factory=list[str])
    agreements: dict[str, datetime] = msgspec.field(default_factory=dict[str, datetime])
    spent: Decimal = Decimal(0)

    @property
    def since(self) -> datetime:
        """From when on invoices may have come."""
        return min([self.stopped, *self.agreements.values()])

    async def release(self, client: Client) -> None:
        """Give back what the killed run has reserved; the daemon keeps what was accepted."""
        for allocation_id in self.allocations:
            with suppress(ApiError, DaemonUnreachable):
                await client.payment.release_allocation(allocation_id)

    async def end(self, client: Client, cashier: Cashier, now: datetime) -> None:
        """End the agreements, and let ``cashier`` answer their invoices.

        Raises:
            DaemonUnreachable: nobody knows what is left of them.
        """
        for agreement_id, signed in self.agreements.items():
            try:
                deal = await _deal(client, agreement_id)
            except (ApiError, ValueError) as error:
                log.warning("an agreement is not known agreement_id=%s why=%s", agreement_id, str(error))
                continue
            cashier.inherit(deal, signed, min(now, self.stopped + GOES_ON_FOR))
            with suppress(ApiError, DaemonUnreachable):  # it may have ended already
                await client.market.terminate_agreement(agreement_id, KILLED)


async def _deal(client: Client, agreement_id: str) -> Deal:
    return deal_of(await client.market.get_agreement(agreement_id))


def deal_of(agreement: Agreement) -> Deal:
    """An agreement that was signed before. Raises ValueError if nobody can calculate with its prices."""
    offer = agreement.offer
    proposal = Proposal(
        properties=offer.properties,
        constraints=offer.constraints,
        proposal_id=offer.offer_id,
        issuer_id=offer.provider_id,
        state="Accepted",
        timestamp=offer.timestamp,
    )
    return Deal(agreement.agreement_id, candidate_of(proposal))

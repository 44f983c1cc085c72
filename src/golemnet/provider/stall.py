"""One offer on the market: published while there is room, negotiated, turned into an agreement.

A demand meets an offer once, so each agreement needs an offer of its own: while there is room for more, the
next is published, and the same requestor can buy again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from golemnet.clock import Clock
from golemnet.model.pricing import LinearPricing
from golemnet.model.properties import flatten
from golemnet.provider.deals import Deals
from golemnet.provider.negotiation import BUSY, Counter, Refusal, answer, objection
from golemnet.provider.offer import Seller, offer_constraints, offer_properties
from golemnet.provider.outbound import Policy
from golemnet.provider.polling import POLL_S, follow, insist
from golemnet.provider.presets import Preset
from golemnet.provider.rules import Rules
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError, Gone, NotFound
from golemnet.rest.market import Agreement, AgreementEvent, NegotiationEvent, Proposal, ProposalEvent
from golemnet.rest.transport import DaemonUnreachable

log = structlog.get_logger(__name__)

Begin = Callable[[Agreement], Awaitable[None]]


class Stall:
    """Sells one preset.

    Args:
        client: the provider's daemon.
        clock: time.
        seller: who we are.
        preset: what it costs.
        deals: the agreements in force.
        begin: called with each agreement that both sides have signed.
        rules: whom the owner serves.
        outbound: who may have the internet.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        seller: Seller,
        preset: Preset,
        deals: Deals,
        begin: Begin,
        rules: Rules,
        outbound: Policy,
    ) -> None:
        self._client = client
        self._clock = clock
        self._seller = seller
        self._preset = preset
        self._deals = deals
        self._begin = begin
        self._rules = rules
        self._outbound = outbound
        self._properties = offer_properties(seller, preset)
        self._signing: set[asyncio.Task[None]] = set()
        self._is_sold = False

    async def run(self, published: Callable[[], None]) -> None:
        """Offer for ever; ``published`` is called each time that the offer is on the market."""
        while True:
            await self._room()
            constraints = offer_constraints(self._seller.subnet, self._clock.now())
            offer_id = await insist(
                "offer",
                self._clock,
                lambda text=constraints: self._client.market.subscribe_offer(self._properties, text),
            )
            self._is_sold = False
            log.info("offer published", offer_id=offer_id, preset=self._preset.name)
            published()
            await self._attend(offer_id, constraints)

    async def _room(self) -> None:
        while self._deals.is_full:
            self._deals.changed.clear()
            await self._deals.changed.wait()

    async def _attend(self, offer_id: str, constraints: str) -> None:
        """Answer what comes for the offer until it is sold, or the daemon does not know it any more."""
        sold = asyncio.create_task(self._sold())
        talk = asyncio.create_task(self._talk(offer_id, constraints))
        try:
            await asyncio.wait({sold, talk}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sold, talk):
                task.cancel()
            await asyncio.gather(sold, talk, return_exceptions=True)
            await self._withdraw(offer_id)
        if talk.done() and not talk.cancelled():
            self._say_why_over(talk.exception())

    async def _sold(self) -> None:
        """Return when it is sold or there is no room any more, and all that was being signed is decided."""
        while self._signing or not (self._is_sold or self._deals.is_full):
            self._deals.changed.clear()
            await self._deals.changed.wait()

    async def _talk(self, offer_id: str, constraints: str) -> None:
        async def poll() -> list[NegotiationEvent]:
            return await self._client.market.offer_events(offer_id, timeout_s=POLL_S)

        async def act(event: NegotiationEvent) -> None:
            if isinstance(event, ProposalEvent):
                await self._negotiate(offer_id, constraints, event.proposal)
            elif isinstance(event, AgreementEvent):
                self._sign_soon(event.agreement)

        await follow("offer events", self._clock, poll, act)

    def _say_why_over(self, error: BaseException | None) -> None:
        if isinstance(error, NotFound | Gone):
            log.info("offer expired", preset=self._preset.name)
        elif error is not None:
            raise error

    async def _withdraw(self, offer_id: str) -> None:
        try:
            await self._client.market.unsubscribe_offer(offer_id)
        except (ApiError, DaemonUnreachable):
            # It is not on the market, or leaves it by its own expiration.
            return

    async def _negotiate(self, offer_id: str, constraints: str, proposal: Proposal) -> None:
        reply = self._answer(proposal)
        try:
            match reply:
                case Counter():
                    await self._client.market.counter_proposal_offer(
                        offer_id, proposal.proposal_id, reply.properties, constraints
                    )
                case Refusal():
                    log.info("proposal refused", requestor=proposal.issuer_id, why=reply.message)
                    await self._client.market.reject_proposal_demand(
                        offer_id, proposal.proposal_id, reply.reason()
                    )
        except (ApiError, DaemonUnreachable) as error:
            log.info("proposal not answered", proposal_id=proposal.proposal_id, why=str(error))

    def _answer(self, proposal: Proposal) -> Counter | Refusal:
        if self._deals.is_full:
            return BUSY
        demand = flatten(proposal.properties)
        unwanted = self._unwanted(proposal.issuer_id, demand)
        return Refusal(unwanted) if unwanted else answer(demand, self._properties, self._clock.now())

    def _unwanted(self, requestor_id: str, demand: Mapping[str, Any]) -> str:
        now = self._clock.now()
        return self._rules.objection(requestor_id, demand) or self._outbound.objection(
            requestor_id, demand, now
        )

    def _sign_soon(self, agreement: Agreement) -> None:
        """Sign beside the poll: it takes as long as the requestor's node needs to confirm."""
        task = asyncio.create_task(self._sign(agreement))
        self._signing.add(task)
        task.add_done_callback(self._signed)

    def _signed(self, task: asyncio.Task[None]) -> None:
        self._signing.discard(task)
        self._deals.changed.set()

    async def _sign(self, agreement: Agreement) -> None:
        agreement_id = agreement.agreement_id
        why = self._objection(agreement)
        if not why and not self._deals.promise(agreement_id):
            why = BUSY.message
        try:
            if why:
                log.info("agreement refused", agreement_id=agreement_id, why=why)
                await self._client.market.reject_agreement(agreement_id, {"message": why})
                return
            await self._client.market.approve_agreement(agreement_id)
            await self._begin(agreement)
            self._is_sold = True
        except (ApiError, DaemonUnreachable) as error:
            log.warning("agreement not signed", agreement_id=agreement_id, why=str(error))
        finally:
            await self._deals.withdraw(agreement_id)

    def _objection(self, agreement: Agreement) -> str:
        demand = flatten(agreement.demand.properties)
        return self._unwanted(agreement.demand.requestor_id, demand) or objection(
            demand,
            flatten(agreement.offer.properties),
            LinearPricing.from_properties(self._properties),
            self._clock.now(),
        )

"""Buying: a demand on the market, offers scored and answered, agreements signed."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import msgspec

from golemnet.clock import Clock
from golemnet.model.names import CPU_THREADS, NODE_NAME, SUBNET
from golemnet.model.pricing import LinearPricing
from golemnet.model.properties import flatten
from golemnet.requestor.busy import busy_elsewhere
from golemnet.requestor.candidates import Candidate, Candidates
from golemnet.requestor.demand import DemandText
from golemnet.requestor.details import (
    AgreementProposed,
    AgreementRefused,
    Listener,
    OfferAgreed,
    OfferAnswered,
    OfferReceived,
    OfferRefused,
    OfferUnanswered,
    ignore,
)
from golemnet.requestor.events import (
    AgreementFailed,
    AgreementSigned,
    Consumer,
    NothingMatched,
    ProviderRefused,
)
from golemnet.requestor.owners import Owners
from golemnet.requestor.strategies import MarketStrategy, OfferView
from golemnet.requestor.trouble import Trouble
from golemnet.requestor.unsuitable import Unsuitable, reasons
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError, NotFound
from golemnet.rest.market import (
    NegotiationEvent,
    Proposal,
    ProposalEvent,
    ProposalRejectedEvent,
)
from golemnet.rest.transport import DaemonUnreachable

POLL_S = 15.0
APPROVAL_S = 20.0
VALID_FOR = timedelta(minutes=2)
EXPLAIN_AFTER_S = 8.0
EXPLAIN_AGAIN_S = 60.0
RETRY_S = 1.0
MAX_REFUSALS = 3
UNNEEDED = {"message": "No longer needed."}
TOO_DEAR = {"message": "The price is higher than the requestor's limit."}

Tailor = Callable[[Proposal], Awaitable[DemandText]]
log = logging.getLogger(__name__)


class Deal(msgspec.Struct, frozen=True):
    """A signed agreement."""

    agreement_id: str
    candidate: Candidate


def candidate_of(proposal: Proposal) -> Candidate:
    """The provider behind a proposal. Raises ValueError if nobody can calculate with what it says."""
    properties = flatten(proposal.properties)
    pricing = LinearPricing.from_properties(properties)
    threads = properties.get(CPU_THREADS, 1)
    if isinstance(threads, bool) or not isinstance(threads, int | float) or not 0 < threads < math.inf:
        raise ValueError(f"{threads!r:.50} is no number of processors")
    name = str(properties.get(NODE_NAME) or proposal.issuer_id)[:60]
    return Candidate(proposal.proposal_id, proposal.issuer_id, name, pricing, float(threads))


class Market:
    """Keeps a demand on the market and collects providers that would sign.

    Args:
        client: the daemon.
        clock: time.
        demand: what is asked for.
        strategy: which offers are good enough.
        emit: hears what happens.
        means: all that may be spent, in GLM; who is not paid for a beginning by that is refused.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        demand: DemandText,
        strategy: MarketStrategy,
        emit: Consumer,
        means: Decimal | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._demand = demand
        self._strategy = strategy
        self._emit = emit
        self.tell: Listener = ignore
        self.tailor: Tailor = self._same_demand
        self.candidates = Candidates()
        self.owners = Owners()
        self._unsuitable = Unsuitable(means)
        self._anyone = asyncio.Event()
        self._signed: set[str] = set()
        self._forsaken: list[str] = []
        self._refusals: dict[str, None] = {}
        self.demand_id = ""

    async def publish(self) -> str:
        """Put the demand on the market; its id. Raises ApiError if the constraints make no sense."""
        self.demand_id = await self._client.market.subscribe_demand(
            self._demand.properties, self._demand.constraints
        )
        return self.demand_id

    async def run(self) -> None:
        """Negotiate until cancelled; explains when there is nobody to negotiate with."""
        explaining = asyncio.create_task(self._explain())
        trouble = Trouble("the market cannot be asked")
        try:
            while True:
                await self._attend(trouble)
        finally:
            explaining.cancel()

    async def withdraw(self) -> None:
        """Take the demand off the market."""
        try:
            await self._client.market.unsubscribe_demand(self.demand_id)
        except (ApiError, DaemonUnreachable):
            # It leaves the market by its own expiration.
            return

    async def sign(
        self,
        suits: Callable[[str], bool] = lambda provider_id: True,
        allows: Callable[[str], bool] = lambda provider_id: True,
    ) -> Deal:
        """Sign with the best allowed provider, one whose id ``suits`` before others; waits for one."""
        while True:
            deal = await self._sign(await self.candidates.take(suits, allows))
            if deal is not None:
                return deal

    async def offers(self, timeout_s: float, quiet_s: float) -> list[Candidate]:
        """Who would sign now: those that answer until for ``quiet_s`` nobody new does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._anyone.wait()
                known = -1
                while known < len(self.candidates.waiting()):
                    known = len(self.candidates.waiting())
                    await self._clock.sleep(quiet_s)
        return self.candidates.waiting()

    async def _attend(self, trouble: Trouble) -> None:
        try:
            events = await self._client.market.demand_events(self.demand_id, timeout_s=POLL_S)
        except NotFound:
            await self.publish()
            return
        except (ApiError, DaemonUnreachable) as error:
            trouble.begins(error)
            await self._clock.sleep(RETRY_S)
            return
        trouble.ends()
        await self._undo_forsaken()
        for event in events:
            await self._answer(event)

    async def _answer(self, event: NegotiationEvent) -> None:
        match event:
            case ProposalEvent() if event.proposal.state == "Initial":
                await self._counter(event.proposal)
            case ProposalEvent():
                await self._collect(event.proposal)
            case ProposalRejectedEvent():
                reason = str((event.reason or {}).get("message") or "no reason given")[:200]
                self._refusals[reason] = None
                self._emit(ProviderRefused(provider_id="a provider", reason=reason))
            case _:
                return

    async def _counter(self, proposal: Proposal) -> None:
        """Answer an offer that is good enough with our demand."""
        self.tell(OfferReceived(proposal=proposal))
        try:
            if await self._appraise(proposal) is None:
                await self._refuse(proposal)
            else:
                demand = await self.tailor(proposal)
                await self._client.market.counter_proposal_demand(
                    self.demand_id, proposal.proposal_id, demand.properties, demand.constraints
                )
                self.tell(OfferAnswered(proposal=proposal))
        except (ApiError, DaemonUnreachable) as error:
            self.tell(OfferUnanswered(proposal=proposal, error=error))
            log.debug("offer not answered provider_id=%s why=%s", proposal.issuer_id, str(error))

    async def _refuse(self, proposal: Proposal) -> None:
        self.tell(OfferRefused(proposal=proposal, reason=TOO_DEAR["message"]))
        await self._client.market.reject_proposal_offer(self.demand_id, proposal.proposal_id, TOO_DEAR)

    async def _same_demand(self, proposal: Proposal) -> DemandText:
        return self._demand

    async def _collect(self, proposal: Proposal) -> None:
        appraised = await self._appraise(proposal)
        if appraised is not None:
            self.tell(OfferAgreed(proposal=proposal))
            self._anyone.set()
            self.candidates.add(*appraised)

    async def _appraise(self, proposal: Proposal) -> tuple[float, Candidate] | None:
        """The score of an offer and who would sign; None if it is refused."""
        try:
            candidate = candidate_of(proposal)
        except ValueError as error:
            log.info("offer makes no sense provider_id=%s why=%s", proposal.issuer_id, str(error))
            return None
        properties = flatten(proposal.properties)
        self.owners.learn(proposal.issuer_id, properties)
        offer = OfferView(proposal.issuer_id, properties, proposal.proposal_id, proposal.state == "Draft")
        score = await self._strategy.score_offer(offer)
        if score < 0:
            self._unsuitable.dislike(candidate)
            return None
        if self._unsuitable.is_beyond_means(candidate, self._clock.now()):
            return None
        self._unsuitable.suits(candidate)
        return score, candidate

    async def _sign(self, candidate: Candidate) -> Deal | None:
        market = self._client.market
        agreement_id = ""
        try:
            valid_to = self._clock.now() + VALID_FOR
            agreement_id = await market.create_agreement(candidate.proposal_id, valid_to)
            await market.confirm_agreement(agreement_id)
            self.tell(AgreementProposed(agreement_id=agreement_id, candidate=candidate))
            await market.wait_for_approval(agreement_id, APPROVAL_S)
        except asyncio.CancelledError:
            if agreement_id:
                await asyncio.shield(self._undo(agreement_id))
            raise
        except (ApiError, DaemonUnreachable) as error:
            if agreement_id and isinstance(error, DaemonUnreachable):
                self._forsaken.append(agreement_id)
            self.tell(AgreementRefused(agreement_id=agreement_id, reason=str(error)))
            self._emit(
                AgreementFailed(
                    provider_id=candidate.provider_id,
                    provider_name=candidate.provider_name,
                    reason=str(error)[:200],
                )
            )
            return None
        self._signed.add(agreement_id)
        self._emit(
            AgreementSigned(
                agreement_id=agreement_id,
                provider_id=candidate.provider_id,
                provider_name=candidate.provider_name,
            )
        )
        return Deal(agreement_id, candidate)

    async def _undo(self, agreement_id: str) -> None:
        """Nobody needs the agreement any more, whether the provider has signed it or not."""
        for end in (self._client.market.cancel_agreement, self._client.market.terminate_agreement):
            try:
                await end(agreement_id, UNNEEDED)
                return
            except (ApiError, DaemonUnreachable) as error:
                log.debug("agreement not undone yet agreement_id=%s why=%s", agreement_id, str(error))

    async def _undo_forsaken(self) -> None:
        """The daemon is back: a provider that has signed meanwhile shall not wait for us."""
        while self._forsaken:
            await self._undo(self._forsaken.pop())

    async def _explain(self) -> None:
        """Say why nobody answers, while nobody does."""
        wait_s = EXPLAIN_AFTER_S
        while not self._anyone.is_set():
            try:
                async with asyncio.timeout(wait_s):
                    await self._anyone.wait()
            except TimeoutError:
                if (found := await self.nobody()) is not None:
                    self._emit(found)
                wait_s = EXPLAIN_AGAIN_S

    async def nobody(self) -> NothingMatched | None:
        """Why there is nobody to sign with; None if there is or was somebody, or the daemon cannot say."""
        return None if self._anyone.is_set() else await self.explain()

    def shortage(self) -> str:
        """Why the budget is too small to begin with anybody; empty if it is not, or that is not known yet."""
        return "" if self._anyone.is_set() else self._unsuitable.shortage(self._clock.now())

    async def explain(self) -> NothingMatched | None:
        """Why there is nobody more to sign with; None if the daemon cannot say."""
        try:
            report = await self._client.market.explain_demand(self.demand_id)
        except (ApiError, DaemonUnreachable) as error:
            log.debug("no explanation why=%s", str(error))
            return None
        busy = "" if report.offers_matched else await self._busy()
        subnet = str(self._demand.properties.get(SUBNET, ""))
        refusals = [f"providers refuse: {reason}" for reason in list(self._refusals)[:MAX_REFUSALS]]
        return NothingMatched(
            demand_id=self.demand_id,
            offers_seen=report.offers_seen,
            reasons=[
                *reasons(report, subnet, busy),
                *self._unsuitable.reasons(report.offers_matched),
                *refusals,
            ],
            offers_matched=report.offers_matched,
        )

    async def _busy(self) -> str:
        try:
            return await busy_elsewhere(self._client, self._signed, self._clock.now())
        except (ApiError, DaemonUnreachable) as error:
            log.debug("the node's agreements are not known why=%s", str(error))
            return ""

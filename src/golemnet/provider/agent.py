"""The provider agent: sells what this machine has, serves what was sold, and follows its invoices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from golemnet.clock import Clock
from golemnet.provider.bookkeeping import Bookkeeping
from golemnet.provider.deal import IDLE_TIMEOUT, Deal
from golemnet.provider.deals import Deals
from golemnet.provider.door import Door
from golemnet.provider.exe_units import Workshop
from golemnet.provider.journal import Journal
from golemnet.provider.offer import Seller
from golemnet.provider.outbound import Policy
from golemnet.provider.polling import POLL_S, follow, insist
from golemnet.provider.presets import Preset
from golemnet.provider.recovery import Recovery, approval
from golemnet.provider.rules import Rules
from golemnet.provider.settlement import Settlement
from golemnet.provider.stall import Stall
from golemnet.rest.activity import ProviderEvent
from golemnet.rest.client import Client
from golemnet.rest.market import Agreement, AgreementApprovedEvent, AgreementOperationEvent
from golemnet.rest.payment import DebitNoteEvent

DRAIN_S = 12.0
CAPACITY = 1

log = structlog.get_logger(__name__)


@dataclass
class Agent:
    """One agent of one provider's daemon.

    Args:
        client: the daemon.
        clock: time.
        journal: what is remembered from run to run.
        workshop: where ExeUnits work.
        seller: who we are and what we have.
        presets: what is offered.
        capacity: how many agreements at once.
        rules: whom and when to serve.
        outbound: who may have the internet.
        patience: how long work may go on after a first request to end.
        idle_timeout: how long an agreement may go without an activity.
    """

    client: Client
    clock: Clock
    journal: Journal
    workshop: Workshop
    seller: Seller
    presets: Sequence[Preset]
    capacity: int = CAPACITY
    rules: Rules = field(default_factory=Rules)
    outbound: Policy = field(default_factory=Policy)
    patience: timedelta = timedelta(0)
    idle_timeout: timedelta = IDLE_TIMEOUT
    _books: Bookkeeping = field(init=False)
    _deals: Deals = field(init=False)
    _closing: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self._books = Bookkeeping(self.client, self.journal, self.clock)
        self._deals = Deals(self.capacity, self._books.activity_failed)

    async def run(self, ready: asyncio.Event) -> None:
        """Work until cancelled, then end what runs and send its invoices; ``ready`` once an offer is out.

        When cancelled once, what runs is given ``patience`` to end by itself; nothing new is begun.
        """
        since = self.clock.now()
        await Recovery(self.client, self.clock, self.journal, self._books).run()
        work = asyncio.create_task(self._work(since, ready))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await self._let_finish(work)
            raise
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._drain()

    async def _work(self, since: datetime, ready: asyncio.Event) -> None:
        door = Door(self.rules, self._deals, self.clock)
        door.look()
        async with asyncio.TaskGroup() as group:
            self._closing = group.create_task(door.run())
            group.create_task(self._follow_activities(since))
            group.create_task(self._follow_agreements(since))
            group.create_task(self._follow_debit_notes(since))
            group.create_task(Settlement(self.client, self.journal, self.clock).run(since))
            for preset in self.presets:
                group.create_task(self._stall(preset).run(ready.set))

    async def _let_finish(self, work: asyncio.Task[None]) -> None:
        """Begin nothing new, and wait for what runs; a second cancellation ends this."""
        if work.done() or not self._deals.count or not self.patience:
            return
        log.info(
            "waiting for running work",
            agreements=self._deals.count,
            minutes=self.patience.total_seconds() / 60,
        )
        self._closing.cancel()
        self._deals.shut()
        await self._deals.finish(self.patience.total_seconds())

    def _stall(self, preset: Preset) -> Stall:
        begin, rules, outbound = self._begin, self.rules, self.outbound
        return Stall(self.client, self.clock, self.seller, preset, self._deals, begin, rules, outbound)

    async def _begin(self, agreement: Agreement) -> None:
        deal = Deal(agreement, self.clock, self._books, self.workshop, self.idle_timeout)
        await self.journal.add(approval(agreement, self.clock.now()))
        log.info(
            "agreement signed", agreement_id=agreement.agreement_id, requestor=agreement.demand.requestor_id
        )
        self._deals.begin(agreement.agreement_id, deal)

    async def _drain(self) -> None:
        await self._deals.drain(DRAIN_S)
        await asyncio.wait_for(self._books.finish(), DRAIN_S)

    async def _follow_activities(self, last: datetime) -> None:
        async def poll() -> list[ProviderEvent]:
            return await self.client.activity.provider_events(timeout_s=POLL_S, after=last)

        async def act(event: ProviderEvent) -> None:
            nonlocal last
            last = max(last, event.event_date)
            await self._deals.activity_event(event)

        await follow("activity events", self.clock, poll, act)

    async def _follow_agreements(self, last: datetime) -> None:
        async def poll() -> list[AgreementOperationEvent]:
            return await self.client.market.agreement_events(timeout_s=POLL_S, after=last)

        async def act(event: AgreementOperationEvent) -> None:
            nonlocal last
            last = max(last, event.event_date)
            if isinstance(event, AgreementApprovedEvent):
                await self._adopt(event.agreement_id)
            else:
                self._deals.agreement_event(event)

        await follow("agreement events", self.clock, poll, act)

    async def _adopt(self, agreement_id: str) -> None:
        """Serve an agreement whose approval we gave up waiting for, and that came about nevertheless."""
        if self._deals.knows(agreement_id) or self.journal.get(agreement_id) is not None:
            return
        read = self.client.market.get_agreement
        agreement = await insist("agreement", self.clock, lambda: read(agreement_id))
        identity = await insist("identity", self.clock, self.client.identity.me)
        if agreement.offer.provider_id == identity.identity:
            await self._begin(agreement)

    async def _follow_debit_notes(self, last: datetime) -> None:
        async def poll() -> list[DebitNoteEvent]:
            return await self.client.payment.debit_note_events(timeout_s=POLL_S, after=last)

        async def act(event: DebitNoteEvent) -> None:
            nonlocal last
            last = max(last, event.event_date)
            await self._deals.debit_note_event(event)

        await follow("debit note events", self.clock, poll, act)

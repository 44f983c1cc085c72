"""One ``map`` of an engine: as many providers as are useful, until every task is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from golemnet.clock import Clock
from golemnet.requestor.details import AgreementEnded
from golemnet.requestor.errors import CommandFailed, ProviderLost
from golemnet.requestor.events import ActivityStarted, Consumer, ProviderGone
from golemnet.requestor.market import Deal, Market
from golemnet.requestor.payments import Cashier
from golemnet.requestor.session import Session
from golemnet.requestor.steps import Files
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.worker import Drive
from golemnet.rest.client import Client

STOP_S = 15.0

log = logging.getLogger(__name__)


@dataclass
class Run:
    """Starts workers, replaces those whose provider is lost, and hands out tasks that are done."""

    client: Client
    clock: Clock
    market: Market
    cashier: Cashier
    files: Files
    drive: Drive
    queue: TaskQueue
    max_workers: int
    emit: Consumer
    _done: asyncio.Queue[AnyTask | None] = field(default_factory=asyncio.Queue["AnyTask | None"])
    _slots: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _coming: int = 0
    _providers: dict[str, int] = field(default_factory=dict[str, int])
    _failure: BaseException | None = None
    _watch: asyncio.Task[None] = field(init=False)

    def start(self) -> None:
        """Look for providers."""
        self.queue.here = self._has_other_than
        self.queue.elsewhere = self.market.candidates.has_other_than
        self.queue.siblings = self.market.owners.siblings
        self._watch = asyncio.create_task(self._watch_failure())
        self.widen(self.max_workers)

    def widen(self, count: int) -> None:
        """Work with so many providers more at once."""
        for _ in range(count):
            self.also(self._slot())

    async def adopt(self, deal: Deal, activity_id: str, began: datetime, drive: Drive) -> None:
        """Go on in an activity that somebody else has begun, and left."""
        session = Session(self.client, self.clock, deal, self.files)
        session.activity_id = activity_id
        self.cashier.open(deal)
        self.cashier.start_meter(deal, activity_id, began)
        self._count(deal.candidate.provider_id, 1)
        await self._work(session, drive)

    def also(self, work: Coroutine[Any, Any, None]) -> None:
        """Make something a part of the run: what it raises ends it."""
        task = asyncio.create_task(work)
        self._slots.add(task)
        task.add_done_callback(self._slot_ended)

    async def next_done(self) -> AnyTask | None:
        """The next task that is done; None after the last one. Raises what has ended the run."""
        task = await self._done.get()
        if task is not None:
            return task
        if self._failure is not None:
            raise self._failure
        if self.queue.failure is not None:
            raise self.queue.failure
        return None

    async def stop(self) -> None:
        """End everything that still runs at providers."""
        self._watch.cancel()
        for slot in self._slots:
            slot.cancel()
        if self._slots:
            await asyncio.wait(self._slots, timeout=STOP_S)

    async def leave(self, timeout_s: float) -> None:
        """Wait until all have left, which they do when there is nothing more for them."""
        if self._slots:
            await asyncio.wait(self._slots, timeout=timeout_s)

    async def _watch_failure(self) -> None:
        """A task that has failed for good ends the run, also while others are being worked on."""
        await self.queue.wait_done()
        if self.queue.failure is not None:
            self._done.put_nowait(None)

    def _has_other_than(self, tried: Collection[str]) -> bool:
        return any(count > 0 for known, count in self._providers.items() if known not in tried)

    async def _slot(self) -> None:
        """One worker after the other, while there is work for one."""
        while await self.queue.wait_work(lambda: self._coming):
            self._coming += 1
            try:
                deal = await self._sign()
                session = None if deal is None else await self._set_up(deal)
            finally:
                self._coming -= 1
                self.queue.nudge()
            if session is not None:
                await self._work(session, self.drive)

    async def _sign(self) -> Deal | None:
        """An agreement, unless all work is done before there is one."""
        queue = self.queue
        signing = asyncio.create_task(self.market.sign(queue.has_work_for, queue.may_have_work_for))
        done = asyncio.create_task(queue.wait_idle())
        try:
            await asyncio.wait({signing, done}, return_when=asyncio.FIRST_COMPLETED)
            return signing.result() if signing.done() else None
        finally:
            for task in (signing, done):
                task.cancel()

    async def _set_up(self, deal: Deal) -> Session | None:
        """An activity under the agreement; None if the provider is lost, and everything is closed then."""
        session = Session(self.client, self.clock, deal, self.files)
        self.cashier.open(deal)
        self._count(deal.candidate.provider_id, 1)
        is_open = False
        try:
            await self._open(session)
            is_open = True
        except ProviderLost as error:
            self._lost(deal, error)
        finally:
            if not is_open:
                await self._close(session)
        return session if is_open else None

    async def _work(self, session: Session, drive: Drive) -> None:
        try:
            await drive(session, self.queue, self.emit, self._done.put_nowait)
        except ProviderLost as error:
            self._lost(session.deal, error)
        except (CommandFailed, TimeoutError):
            pass  # the queue knows
        finally:
            await self._close(session)

    async def _close(self, session: Session) -> None:
        self._count(session.deal.candidate.provider_id, -1)
        self.cashier.stop_meters(session.deal)
        if session.is_kept:
            self.cashier.keep(session.deal)
        else:
            await asyncio.shield(self._end(session))

    async def _end(self, session: Session) -> None:
        await session.close()
        self.market.tell(AgreementEnded(agreement_id=session.deal.agreement_id, reason=session.reason))
        if session.is_gone:
            self.cashier.gone(session.deal)

    def _lost(self, deal: Deal, error: ProviderLost) -> None:
        self.emit(ProviderGone(provider_name=deal.candidate.provider_name, problem=str(error)))

    async def _open(self, session: Session) -> None:
        began = self.clock.now()
        try:
            await session.open()
        finally:
            # an activity whose creation we did not hear of may cost something, too
            self.cashier.start_meter(session.deal, session.activity_id, began)
        name = session.deal.candidate.provider_name
        self.emit(ActivityStarted(activity_id=session.activity_id, provider_name=name))

    def _count(self, provider_id: str, change: int) -> None:
        self._providers[provider_id] = self._providers.get(provider_id, 0) + change
        self.queue.nudge()

    def _slot_ended(self, slot: asyncio.Task[None]) -> None:
        self._slots.discard(slot)
        if not slot.cancelled() and slot.exception() is not None and self._failure is None:
            self._failure = slot.exception()
            self._done.put_nowait(None)
        elif not self._slots:
            self._done.put_nowait(None)

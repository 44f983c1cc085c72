"""All agreements in force: who hears of what, and how many more there may be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from golemnet.provider.deal import (
    SHUTDOWN,
    ActivityUnwanted,
    ActivityWanted,
    Deal,
    Happening,
    NoteAnswered,
    Over,
)
from golemnet.rest.activity import ProviderEvent
from golemnet.rest.market import AgreementOperationEvent, AgreementTerminatedEvent
from golemnet.rest.payment import DebitNoteEvent

log = structlog.get_logger(__name__)

Refuse = Callable[[str, str], Awaitable[None]]


class Deals:
    """Runs a task for each agreement.

    A requestor may act on an agreement before the daemon's answer to our own signature has reached us: what
    happens to an agreement that is being signed waits for the outcome.

    Args:
        capacity: how many agreements there may be at once.
        refuse: tells the requestor that an activity cannot be (id, message).
    """

    def __init__(self, capacity: int, refuse: Refuse) -> None:
        self._capacity = capacity
        self._refuse = refuse
        self._open: dict[str, Deal] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._promised: dict[str, list[Happening]] = {}
        self.changed = asyncio.Event()
        self.is_shut = False

    @property
    def count(self) -> int:
        """How many agreements are in force, or being signed."""
        return len(self._open) + len(self._promised)

    @property
    def is_full(self) -> bool:
        """Whether there is to be no other agreement: there is no room, or the door is shut."""
        return self.is_shut or self.count >= self._capacity

    def shut(self, is_shut: bool = True) -> None:
        """Take no new agreements, or take them again; those in force are not touched."""
        self.is_shut = is_shut
        self.changed.set()

    async def finish(self, timeout_s: float) -> None:
        """Wait for the end of every agreement by itself, and of its paperwork."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def promise(self, agreement_id: str) -> bool:
        """Keep room for an agreement that is being signed; False if there is none."""
        if self.is_full:
            return False
        self._promised[agreement_id] = []
        return True

    def knows(self, agreement_id: str) -> bool:
        """Whether the agreement is in force, or being signed."""
        return agreement_id in self._open or agreement_id in self._promised

    async def withdraw(self, agreement_id: str) -> None:
        """The agreement was not signed; nothing happens if it was."""
        early = self._promised.pop(agreement_id, [])
        self.changed.set()
        for happening in early:
            if isinstance(happening, ActivityWanted):
                await self._refuse(happening.activity_id, "The agreement of the activity was not signed.")

    def begin(self, agreement_id: str, deal: Deal) -> None:
        """The agreement is signed: serve it."""
        for happening in self._promised.pop(agreement_id, []):
            deal.tell(happening)
        self._open[agreement_id] = deal
        self.changed.set()
        task = asyncio.create_task(self._serve(agreement_id, deal))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, agreement_id: str, deal: Deal) -> None:
        try:
            over = await deal.run()
            self._release(agreement_id)
            await deal.close(over)
        except Exception:
            # The agreement stays open in the journal; the next start of the agent closes and bills it.
            log.exception("agreement failed", agreement_id=agreement_id)
        finally:
            self._release(agreement_id)

    def _release(self, agreement_id: str) -> None:
        if self._open.pop(agreement_id, None) is not None:
            self.changed.set()

    async def activity_event(self, event: ProviderEvent) -> None:
        """An activity was created or destroyed."""
        if event.kind == "DestroyActivity":
            self._tell(event.agreement_id, ActivityUnwanted(event.activity_id))
        elif not self._tell(event.agreement_id, ActivityWanted(event.activity_id)):
            await self._refuse(event.activity_id, "The agreement of the activity has ended.")

    def agreement_event(self, event: AgreementOperationEvent) -> None:
        """Something happened to an agreement; its termination ends our work for it."""
        if isinstance(event, AgreementTerminatedEvent):
            message = str((event.reason or {}).get("message") or "no reason given")[:200]
            ended = Over("", f"Ended by the {event.terminator.lower()}: {message}", terminated=True)
            self._tell(event.agreement_id, ended)

    def _tell(self, agreement_id: str, happening: Happening) -> bool:
        """False if the agreement is neither in force nor being signed."""
        deal, early = self._open.get(agreement_id), self._promised.get(agreement_id)
        if deal is not None:
            deal.tell(happening)
        elif early is not None:
            early.append(happening)
        return deal is not None or early is not None

    async def debit_note_event(self, event: DebitNoteEvent) -> None:
        """A debit note was answered."""
        answers = {
            "DebitNoteAcceptedEvent": True,
            "DebitNoteSettledEvent": True,
            "DebitNoteRejectedEvent": False,
        }
        accepted = answers.get(event.event_type)
        if accepted is None:
            return
        for deal in self._open.values():
            if deal.owes_answer(event.debit_note_id):
                deal.tell(NoteAnswered(event.debit_note_id, accepted))

    async def drain(self, timeout_s: float) -> None:
        """End all agreements, send their invoices. What is not done in time is done at the next start."""
        for deal in self._open.values():
            deal.tell(Over(SHUTDOWN, "The provider shuts down."))
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()

"""One agreement at work: a coroutine that hears what happens and bills it.

Everything that concerns the agreement comes through one queue, in order; whatever has to happen at a time
(a debit note, the end of patience with an idle requestor, the expiration) is the timeout of the wait for
the queue. So there is no state that two coroutines change.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from golemnet.clock import Clock
from golemnet.provider.billing import Terms, payable_until, terms_of
from golemnet.provider.bookkeeping import Bookkeeping
from golemnet.provider.exe_units import ExeUnit, Workshop
from golemnet.rest.market import Agreement

IDLE_TIMEOUT = timedelta(seconds=90)
# where nothing was agreed about the acceptance of debit notes
PATIENCE = timedelta(days=365)
SUCCESS, NO_ACTIVITY, EXPIRED = "Success", "NoActivity", "Expired"
SHUTDOWN, NOTES_DEADLINE, NOTE_REJECTED = "Shutdown", "DebitNotesDeadline", "DebitNoteRejected"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ActivityWanted:
    """The requestor has created an activity."""

    activity_id: str


@dataclass(frozen=True)
class ActivityUnwanted:
    """The requestor has destroyed an activity."""

    activity_id: str


@dataclass(frozen=True)
class UnitEnded:
    """An ExeUnit's process has ended."""

    activity_id: str
    status: int


@dataclass(frozen=True)
class NoteAnswered:
    """The requestor has accepted or rejected a debit note."""

    debit_note_id: str
    accepted: bool


@dataclass(frozen=True)
class Over:
    """The agreement ends. Unless ``terminated`` already, the requestor is told, with ``code``."""

    code: str
    message: str
    terminated: bool = False


Happening = ActivityWanted | ActivityUnwanted | UnitEnded | NoteAnswered | Over


@dataclass
class Working:
    """An activity that runs; ``note_due`` is when its next debit note is to be written."""

    unit: ExeUnit
    watch: asyncio.Task[None]
    note_due: datetime
    last_payable: datetime


@dataclass
class Deal:
    """Serves the agreement from its approval on: ``run`` once, then ``close`` once.

    Args:
        agreement: signed by both sides.
        clock: time.
        books: writes debit notes, the invoice and the journal.
        workshop: where its ExeUnits work.
        idle_timeout: how long it may go without an activity.
    """

    agreement: Agreement
    clock: Clock
    books: Bookkeeping
    workshop: Workshop
    idle_timeout: timedelta = IDLE_TIMEOUT
    _happenings: asyncio.Queue[Happening] = field(default_factory=asyncio.Queue[Happening])
    _working: dict[str, Working] = field(default_factory=dict[str, Working])
    _unanswered: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def __post_init__(self) -> None:
        self.terms: Terms = terms_of(self.agreement)
        self._idle_since = self.clock.now()

    def tell(self, happening: Happening) -> None:
        """Something has happened that concerns this agreement."""
        self._happenings.put_nowait(happening)

    def owes_answer(self, debit_note_id: str) -> bool:
        """Whether the debit note is one of this agreement that was not accepted yet."""
        return debit_note_id in self._unanswered

    async def run(self) -> Over:
        """Serve the agreement until it is over and nothing runs any more; how it ended."""
        over = await self._until_over()
        log.info("agreement ends", agreement_id=self.agreement.agreement_id, reason=over.message)
        await self._stop_units()
        return over

    async def close(self, over: Over) -> None:
        """Tell the requestor, and send the invoice. The machine can work for others meanwhile."""
        code = None if over.terminated else over.code
        await self.books.close(self.agreement.agreement_id, self.terms, over.message, code)

    async def _until_over(self) -> Over:
        while True:
            happening = await self._next()
            match happening:
                case Over():
                    return happening
                case ActivityWanted():
                    await self._begin(happening.activity_id)
                case ActivityUnwanted():
                    self._let_end(happening.activity_id)
                case UnitEnded():
                    over = await self._ended(happening)
                    if over is not None:
                        return over
                case NoteAnswered():
                    if not happening.accepted:
                        return Over(NOTE_REJECTED, "A debit note was rejected.")
                    self._unanswered.pop(happening.debit_note_id, None)

    async def _next(self) -> Happening:
        """What happens next; debit notes are written in the meantime."""
        while True:
            now = self.clock.now()
            over = self._patience_ends(now)
            if over is not None:
                return over
            for activity_id, working in self._working.items():
                if working.note_due <= now:
                    await self._write_note(activity_id, working, now)
            wait_s = max((self._next_deadline() - self.clock.now()).total_seconds(), 0.0)
            try:
                return await asyncio.wait_for(self._happenings.get(), wait_s + 0.001)
            except TimeoutError:
                continue

    def _patience_ends(self, now: datetime) -> Over | None:
        if self.terms.expires is not None and now >= self.terms.expires:
            return Over(EXPIRED, "The time that the requestor asked for is over.")
        if not self._working and now - self._idle_since >= self.idle_timeout:
            return Over(NO_ACTIVITY, f"No activity for {self.idle_timeout.total_seconds():g} s.")
        if any(due <= now for due in self._unanswered.values()):
            return Over(NOTES_DEADLINE, "A debit note was not accepted in time.")
        return None

    def _next_deadline(self) -> datetime:
        deadlines = [working.note_due for working in self._working.values()]
        if not self._working:
            deadlines.append(self._idle_since + self.idle_timeout)
        if self.terms.expires is not None:
            deadlines.append(self.terms.expires)
        return min([*deadlines, *self._unanswered.values()])

    async def _begin(self, activity_id: str) -> None:
        if activity_id in self._working:
            return
        if self._working:
            await self.books.activity_failed(activity_id, "Only one activity at a time is possible here.")
            return
        try:
            unit = await ExeUnit.start(self.workshop, activity_id, self.agreement)
        except (OSError, ValueError) as error:
            log.error("exe-unit cannot be started", activity_id=activity_id, why=str(error))
            await self.books.activity_failed(activity_id, "The provider could not start the activity.")
            self._idle_since = self.clock.now()
            return
        now = self.clock.now()
        watch = asyncio.create_task(self._watch(unit))
        self._working[activity_id] = Working(unit, watch, now + self.terms.note_interval, now)

    async def _watch(self, unit: ExeUnit) -> None:
        self.tell(UnitEnded(unit.activity_id, await unit.wait()))

    def _let_end(self, activity_id: str) -> None:
        working = self._working.get(activity_id)
        if working is not None:
            working.unit.stop_soon()

    async def _ended(self, ended: UnitEnded) -> Over | None:
        """Close the books of an activity; the agreement is over if it was for one activity."""
        working = self._working.pop(ended.activity_id, None)
        if working is None:
            return None
        await self._settle_activity(working.unit, ended.status)
        self._idle_since = self.clock.now()
        return None if self.terms.multi_activity else Over(SUCCESS, "The activity has ended.")

    async def _settle_activity(self, unit: ExeUnit, status: int) -> None:
        why = "" if status == 0 else f"The provider's ExeUnit ended with status {status}."
        if why:
            # for the owner's eyes only: it may name files of this machine
            log.warning("exe-unit failed", activity_id=unit.activity_id, status=status, log=unit.last_words())
        await self.books.activity_ended(self.agreement.agreement_id, unit.activity_id, self.terms, why)
        await asyncio.to_thread(self.workshop.clean, unit.activity_id)

    async def _write_note(self, activity_id: str, working: Working, now: datetime) -> None:
        due = payable_until(self.terms, working.last_payable, now)
        working.note_due = now + self.terms.note_interval
        note_id = await self.books.debit_note(activity_id, self.terms, due)
        if note_id is None:
            return
        if due is not None:
            working.last_payable = now
        self._unanswered[note_id] = now + (self.terms.accept_timeout or PATIENCE)

    async def _stop_units(self) -> None:
        for working in self._working.values():
            working.watch.cancel()
            working.unit.terminate()
        for working in self._working.values():
            await working.unit.wait()
            await self._settle_activity(working.unit, 0)
        self._working.clear()

"""What happened when and where in a run, gathered from its events, for a report."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from golemnet.requestor.events import (
    ActivityStarted,
    AgreementSigned,
    ClaimRejected,
    Event,
    InvoiceAccepted,
    NothingMatched,
    ProviderDisagreed,
    ProviderGone,
    TaskAccepted,
    TaskDoubled,
    TaskRecalled,
    TaskRetried,
    WorkerEnded,
)
from golemnet.requestor.summary import describe
from golemnet.requestor.worker import STOPPED

NOTABLE = (
    AgreementSigned,
    ClaimRejected,
    InvoiceAccepted,
    NothingMatched,
    ProviderDisagreed,
    ProviderGone,
    TaskDoubled,
    TaskRetried,
    WorkerEnded,
)
MAX_SPANS, MAX_NOTES = 5000, 1000
# Tasks of one bundle begin together; a report shows them as one.
TOGETHER_S = 0.02


class Span(msgspec.Struct):
    """``count`` tasks at a provider, in seconds since the run began; ``problem`` if they came to nothing."""

    provider: str
    began: float
    ended: float
    label: str
    problem: str = ""
    count: int = 1


class Note(msgspec.Struct, frozen=True):
    """Something that people should know, in seconds since the run began."""

    at: float
    who: str
    what: str


class Timeline:
    """Hears the events of a run; what is too much to show is counted."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self.spans: list[Span] = []
        self.notes: list[Note] = []
        self.setups: list[tuple[str, float]] = []
        self.recalled = 0
        self.left_out = 0
        self._zero = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the run goes on already."""
        return time.monotonic() - self._zero

    def hear(self, event: Event) -> None:
        """Something has happened."""
        match event:
            case TaskAccepted():
                self._span(Span(event.provider_name, self.seconds - event.seconds, self.seconds, event.data))
            case TaskRetried(seconds=seconds, problem=problem) if problem != STOPPED:
                ended = self.seconds
                self._span(Span(event.provider_name, ended - seconds, ended, event.data, problem))
            case ActivityStarted():
                self.setups.append((event.provider_name, self.seconds))
            case TaskRecalled():
                self.recalled += 1
            case _:
                pass
        if isinstance(event, NOTABLE) and getattr(event, "problem", "") != STOPPED:
            self._note(event)

    def _span(self, span: Span) -> None:
        last = next((each for each in reversed(self.spans[-20:]) if each.provider == span.provider), None)
        if last is not None and _are_together(last, span):
            last.count += 1
            last.ended = max(last.ended, span.ended)
        elif len(self.spans) < MAX_SPANS:
            self.spans.append(span)
        else:
            self.left_out += 1

    def _note(self, event: Event) -> None:
        described = describe(event)
        if described is not None and len(self.notes) < MAX_NOTES:
            _, who, what = described
            self.notes.append(Note(self.seconds, who, what))


def _are_together(one: Span, other: Span) -> bool:
    is_like = bool(one.problem) == bool(other.problem)
    return is_like and abs(one.began - other.began) < TOGETHER_S and abs(one.ended - other.ended) < 0.5

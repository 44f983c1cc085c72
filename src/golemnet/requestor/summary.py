"""A run as lines of text, for people who watch it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime

from golemnet.model.money import format_amount, short_amount
from golemnet.requestor.events import (
    ActivityStarted,
    AgreementFailed,
    AgreementSigned,
    ClaimRejected,
    Event,
    InstanceFailed,
    InstanceReady,
    InstancesMissing,
    InvoiceAccepted,
    NothingMatched,
    ProviderDisagreed,
    ProviderGone,
    ProviderRefused,
    RunEnded,
    RunStarted,
    TaskAccepted,
    TaskDoubled,
    TaskRecalled,
    TaskRetried,
    TaskStarted,
    WorkerEnded,
    WorkerSaid,
)

GOOD, BAD, QUIET, PLAIN = "32", "31", "2", ""


def counted(count: int, thing: str) -> str:
    """``1 provider``, ``2 providers``."""
    return f"{count} {thing}{'s' * (count != 1)}"


def describe(event: Event) -> tuple[str, str, str] | None:
    """Colour, who, and what of an event; None if people need not see it."""
    match event:
        case RunStarted():
            return (
                QUIET,
                "market",
                f"demand published, budget {format_amount(event.budget)} GLM on {event.platform}",
            )
        case NothingMatched():
            return BAD, "market", str(event)
        case ProviderRefused():
            return QUIET, event.provider_id[:10], f"refuses: {event.reason}"
        case AgreementSigned():
            return GOOD, event.provider_name, "agreement signed"
        case AgreementFailed():
            return QUIET, event.provider_name, f"no agreement: {event.reason}"
        case _:
            others = (_describe_work, _describe_service, _describe_odd, _describe_money)
            return next(filter(None, (describe(event) for describe in others)), None)


def _describe_work(event: Event) -> tuple[str, str, str] | None:
    match event:
        case ActivityStarted():
            return QUIET, event.provider_name, "sets up a container"
        case TaskStarted():
            return PLAIN, event.provider_name, f"begins task {event.data}"
        case TaskAccepted():
            return GOOD, event.provider_name, f"task {event.data} is done in {event.seconds:.1f} s"
        case TaskRetried():
            return BAD, event.provider_name, f"task {event.data} failed: {event.problem}"
        case WorkerEnded():
            return BAD, event.provider_name, f"worker ended without a task: {event.problem}"
        case ProviderGone():
            return BAD, event.provider_name, f"lost: {event.problem}"
        case WorkerSaid():
            return PLAIN, event.provider_name, event.text
        case _:
            return None


def _describe_service(event: Event) -> tuple[str, str, str] | None:
    match event:
        case InstanceReady():
            return GOOD, event.provider_name, f"`{event.data}` is ready after {event.seconds:.1f} s"
        case InstanceFailed():
            return BAD, event.provider_name, f"`{event.data}` failed: {event.problem}"
        case InstancesMissing():
            return BAD, "market", str(event)
        case _:
            return None


def _describe_odd(event: Event) -> tuple[str, str, str] | None:
    match event:
        case ProviderDisagreed():
            return BAD, event.provider_name, f"{event.data}: {event.result}, but others have {event.others}"
        case TaskDoubled():
            late = f"task {event.data} takes {event.seconds:.1f} s; another provider tries it as well"
            return QUIET, event.provider_name, late
        case TaskRecalled():
            return QUIET, "journal", f"task {event.data} was done before"
        case _:
            return None


def _describe_money(event: Event) -> tuple[str, str, str] | None:
    match event:
        case InvoiceAccepted():
            return GOOD, event.provider_name, f"invoice of {short_amount(event.amount)} GLM accepted"
        case ClaimRejected():
            return BAD, "payment", f"claim of {short_amount(event.amount)} GLM rejected: {event.reason}"
        case RunEnded():
            return GOOD, "run", _ending(event)
        case _:
            return None


def _ending(event: RunEnded) -> str:
    late = f"; no invoice yet from {', '.join(event.unpaid)}" if event.unpaid else ""
    spent = short_amount(event.spent)
    return f"{counted(event.accepted, 'task')} in {event.seconds:.1f} s for {spent} GLM{late}"


def printer(
    write: Callable[[str], object] | None = None, *, colour: bool | None = None
) -> Callable[[Event], None]:
    """A consumer that prints a line for each event, on stderr unless ``write`` is given."""
    out = write or (lambda line: print(line, file=sys.stderr, flush=True))
    coloured = sys.stderr.isatty() if colour is None else colour

    def consume(event: Event) -> None:
        described = describe(event)
        if described is not None:
            out(_line(*described, coloured))

    return consume


def _line(colour: str, who: str, what: str, coloured: bool) -> str:
    clock = datetime.now().strftime("%H:%M:%S")
    text = f"{clock}  {who:<14} {what}"
    return f"\033[{colour}m{text}\033[0m" if coloured and colour else text

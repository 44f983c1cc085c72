"""What happens, document by document, for programs that want all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from golemnet.requestor.candidates import Candidate
from golemnet.rest.market import Proposal
from golemnet.rest.payment import DebitNote, Invoice


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened, with its documents; ``events`` has what people want to see."""


class OfferReceived(Detail, frozen=True):
    """An offer matches the demand."""

    proposal: Proposal


class OfferRefused(Detail, frozen=True):
    """We do not want it."""

    proposal: Proposal
    reason: str


class OfferAnswered(Detail, frozen=True):
    """We have answered it with our demand."""

    proposal: Proposal


class OfferUnanswered(Detail, frozen=True):
    """The answer did not get through."""

    proposal: Proposal
    error: Exception


class OfferAgreed(Detail, frozen=True):
    """The provider would sign."""

    proposal: Proposal


class AgreementProposed(Detail, frozen=True):
    """We have signed an agreement and sent it."""

    agreement_id: str
    candidate: Candidate


class AgreementRefused(Detail, frozen=True):
    """The provider has not signed."""

    agreement_id: str
    reason: str


class AgreementEnded(Detail, frozen=True):
    """We have ended an agreement."""

    agreement_id: str
    reason: dict[str, Any]


class InvoiceReceived(Detail, frozen=True):
    """An invoice has come."""

    invoice: Invoice


class InvoiceAnswered(Detail, frozen=True):
    """An invoice is accepted, or there is an objection to it."""

    invoice: Invoice
    objection: str


class DebitNoteReceived(Detail, frozen=True):
    """A debit note has come."""

    note: DebitNote


class DebitNoteAccepted(Detail, frozen=True):
    """A debit note was justified."""

    note: DebitNote


class DebitNoteRefused(Detail, frozen=True):
    """A debit note was not justified."""

    note: DebitNote
    objection: str


Listener = Callable[[Detail], None]


def ignore(detail: Detail) -> None:
    """Nobody wants to know."""

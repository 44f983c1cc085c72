"""Records as the REST API shows them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from golemnet.daemon.payment.claim_store import FAILED
from golemnet.daemon.payment.states import State
from golemnet.daemon.payment.store import AllocationRecord, Claim, ClaimEvent, Part, PaymentRecord
from golemnet.rest.payment import (
    ActivityPayment,
    AgreementPayment,
    Allocation,
    DebitNote,
    DebitNoteEvent,
    Deposit,
    Invoice,
    InvoiceEvent,
    Payment,
    Rejection,
)


class OldInvoiceEvent(msgspec.Struct, rename="camel"):
    """An event of an invoice in the form of 2020."""

    invoice_id: str
    timestamp: datetime
    event_type: str
    details: dict[str, Any] | None = None


def allocation(record: AllocationRecord, deposit_contract: str = "") -> Allocation:
    """An allocation; ``deposit_contract`` holds its deposit if it has one."""
    deposit = None if record.deposit_id is None else Deposit(id=record.deposit_id, contract=deposit_contract)
    return Allocation(
        allocation_id=record.id,
        address=record.address,
        payment_platform=record.platform,
        total_amount=record.total,
        spent_amount=record.spent,
        remaining_amount=record.remaining,
        timestamp=record.created,
        timeout=record.timeout,
        extend_timeout=record.extend_s,
        deposit=deposit,
    )


def debit_note(claim: Claim) -> DebitNote:
    """A debit note."""
    return DebitNote(
        debit_note_id=claim.id,
        issuer_id=claim.issuer_id,
        recipient_id=claim.recipient_id,
        payee_addr=claim.payee_addr,
        payer_addr=claim.payer_addr,
        payment_platform=claim.platform,
        timestamp=claim.timestamp,
        agreement_id=claim.agreement_id,
        activity_id=claim.activity_ids[0],
        total_amount_due=claim.amount,
        status=_status(claim),
        usage_counter_vector=claim.usage,
        payment_due_date=claim.due,
        previous_debit_note_id=claim.previous_id,
    )


def invoice(claim: Claim) -> Invoice:
    """An invoice."""
    return Invoice(
        invoice_id=claim.id,
        issuer_id=claim.issuer_id,
        recipient_id=claim.recipient_id,
        payee_addr=claim.payee_addr,
        payer_addr=claim.payer_addr,
        payment_platform=claim.platform,
        timestamp=claim.timestamp,
        agreement_id=claim.agreement_id,
        activity_ids=claim.activity_ids,
        amount=claim.amount,
        payment_due_date=claim.due or claim.timestamp,
        status=_status(claim),
    )


def debit_note_event(event: ClaimEvent) -> DebitNoteEvent:
    """An event of a debit note."""
    return DebitNoteEvent(
        event_type=f"DebitNote{event.type.capitalize()}Event",
        event_date=event.date,
        debit_note_id=event.claim_id,
        rejection=_rejection(event),
        reason=event.problem,
    )


def invoice_event(event: ClaimEvent) -> InvoiceEvent:
    """An event of an invoice."""
    return InvoiceEvent(
        event_type=f"Invoice{event.type.capitalize()}Event",
        event_date=event.date,
        invoice_id=event.claim_id,
        rejection=_rejection(event),
        reason=event.problem,
    )


def old_invoice_event(event: ClaimEvent) -> OldInvoiceEvent:
    """An event of an invoice as clients of 2020 read it."""
    return OldInvoiceEvent(invoice_id=event.claim_id, timestamp=event.date, event_type=event.type)


def payment(record: PaymentRecord, parts: Sequence[Part]) -> Payment:
    """A payment; its details are the bytes of the transaction's hash."""
    return Payment(
        payment_id=record.id,
        payer_id=record.payer_id,
        payee_id=record.payee_id,
        payer_addr=record.payer_addr,
        payee_addr=record.payee_addr,
        payment_platform=record.platform,
        amount=record.amount,
        timestamp=record.timestamp,
        agreement_payments=[
            AgreementPayment(
                agreement_id=part.agreement_id, amount=part.amount, allocation_id=part.allocation_id
            )
            for part in parts
            if part.activity_id is None
        ],
        activity_payments=[
            ActivityPayment(
                activity_id=part.activity_id, amount=part.amount, allocation_id=part.allocation_id
            )
            for part in parts
            if part.activity_id is not None
        ],
        details=base64.b64encode(bytes.fromhex(record.transaction_hash[2:])).decode(),
    )


def _status(claim: Claim) -> str:
    return FAILED if claim.state == State.ACCEPTED and claim.problem else str(claim.state)


def _rejection(event: ClaimEvent) -> Rejection | None:
    return None if event.rejection is None else msgspec.convert(event.rejection, Rejection, strict=False)

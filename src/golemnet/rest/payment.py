"""Bodies of the payment API (``/payment-api/v1``), named as in its OpenAPI file. Amounts are in GLM."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from golemnet.rest.wire import MoneyWire, Wire

PREFIX = "/payment-api/v1"


class Account(Wire):
    """An address that can send or receive on a payment platform."""

    platform: str
    address: str
    driver: str
    network: str
    token: str
    send: bool
    receive: bool


class PaymentPlatform(Wire):
    """The long form of a platform's name ``driver-network-token``."""

    driver: str | None = None
    network: str | None = None
    token: str | None = None


class Deposit(Wire, omit_defaults=True):
    """A deposit on the chain that an allocation may draw from."""

    id: str
    contract: str
    validate: dict[str, Any] | None = None


class NewAllocation(MoneyWire):
    """A request to reserve funds. Fields that a client sends empty (``spentAmount: ""``) are ignored."""

    total_amount: Decimal
    address: str | None = None
    payment_platform: str | PaymentPlatform | None = None
    timeout: datetime | None = None
    make_deposit: bool = False
    deposit: Deposit | None = None
    extend_timeout: int | None = None


class AllocationUpdate(MoneyWire):
    """A change of an open allocation."""

    total_amount: Decimal | None = None
    timeout: datetime | None = None
    deposit: Deposit | None = None


class Allocation(MoneyWire, omit_defaults=True):
    """Funds reserved for payments; remaining = total - spent."""

    allocation_id: str
    address: str
    payment_platform: str
    total_amount: Decimal
    spent_amount: Decimal
    remaining_amount: Decimal
    timestamp: datetime
    timeout: datetime | None = None
    # By a factory: a default value would be left out, and clients insist on this one.
    make_deposit: bool = msgspec.field(default_factory=bool)
    deposit: Deposit | None = None
    extend_timeout: int | None = None


class Decoration(Wire):
    """One property that an allocation adds to a demand."""

    key: str
    value: str


class MarketDecoration(Wire):
    """What allocations add to a demand so that providers who can be paid match."""

    properties: list[Decoration]
    constraints: list[str]


class NewDebitNote(MoneyWire):
    """A provider's claim for what an activity has used so far (cumulative)."""

    activity_id: str
    total_amount_due: Decimal
    usage_counter_vector: list[float] | None = None
    payment_due_date: datetime | None = None


class DebitNote(MoneyWire, omit_defaults=True):
    """A debit note; payable in the middle of an agreement only if ``payment_due_date`` is set."""

    debit_note_id: str
    issuer_id: str
    recipient_id: str
    payee_addr: str
    payer_addr: str
    payment_platform: str
    timestamp: datetime
    agreement_id: str
    activity_id: str
    total_amount_due: Decimal
    status: str
    usage_counter_vector: list[float] | None = None
    payment_due_date: datetime | None = None
    previous_debit_note_id: str | None = None


class NewInvoice(MoneyWire):
    """A provider's final claim for an agreement."""

    agreement_id: str
    amount: Decimal
    payment_due_date: datetime
    activity_ids: list[str] = msgspec.field(default_factory=list[str])


class Invoice(MoneyWire):
    """An invoice; ``status`` is ISSUED, RECEIVED, ACCEPTED, REJECTED, FAILED, SETTLED or CANCELLED."""

    invoice_id: str
    issuer_id: str
    recipient_id: str
    payee_addr: str
    payer_addr: str
    payment_platform: str
    timestamp: datetime
    agreement_id: str
    activity_ids: list[str]
    amount: Decimal
    payment_due_date: datetime
    status: str


class Acceptance(MoneyWire):
    """The accepted amount (must equal the document's) and the allocation that pays it."""

    total_amount_accepted: Decimal
    allocation_id: str


class Rejection(MoneyWire, omit_defaults=True):
    """``rejection_reason`` is UNSOLICITED_SERVICE, BAD_SERVICE or INCORRECT_AMOUNT."""

    rejection_reason: str
    total_amount_accepted: Decimal
    message: str | None = None


class InvoiceEvent(Wire, omit_defaults=True):
    """``event_type`` is Invoice + Received|Accepted|Rejected|Failed|Settled|Cancelled + Event

    ``reason`` (ours) says why the payment has failed.
    """

    event_type: str
    event_date: datetime
    invoice_id: str
    rejection: Rejection | None = None
    reason: str | None = None


class DebitNoteEvent(Wire, omit_defaults=True):
    """``event_type`` is DebitNote + Received|Accepted|Rejected|Failed|Settled|Cancelled + Event

    ``reason`` (ours) says why the payment has failed.
    """

    event_type: str
    event_date: datetime
    debit_note_id: str
    rejection: Rejection | None = None
    reason: str | None = None


class AgreementPayment(MoneyWire, omit_defaults=True):
    """The part of a payment that belongs to one agreement."""

    agreement_id: str
    amount: Decimal
    allocation_id: str | None = None


class ActivityPayment(MoneyWire, omit_defaults=True):
    """The part of a payment that belongs to one activity (by debit note)."""

    activity_id: str
    amount: Decimal
    allocation_id: str | None = None


class Payment(MoneyWire):
    """A payment on the chain. ``details`` is the base64 of the transaction hash's 32 bytes."""

    payment_id: str
    payer_id: str
    payee_id: str
    payer_addr: str
    payee_addr: str
    payment_platform: str
    amount: Decimal
    timestamp: datetime
    agreement_payments: list[AgreementPayment]
    activity_payments: list[ActivityPayment]
    details: str


class AccountStatus(MoneyWire):
    """What ``yagna payment status`` shows of one account (ours). Amounts in GLM, gas in ETH.

    On the voucher platform, ``set_aside`` is what deposits of ours hold, and ``unredeemed`` what vouchers of
    others are still good for.
    """

    address: str
    platform: str
    driver: str
    network: str
    token: str
    amount: Decimal
    reserved: Decimal
    gas: Decimal
    outgoing_requested: Decimal
    outgoing_accepted: Decimal
    outgoing_confirmed: Decimal
    incoming_requested: Decimal
    incoming_accepted: Decimal
    incoming_confirmed: Decimal
    block_number: int | None = None
    block_datetime: datetime | None = None
    set_aside: Decimal | None = None
    unredeemed: Decimal | None = None


class LedgerEntry(MoneyWire):
    """A line of ``yagna payment ledger`` (ours): ``amount`` GLM from the account ``credit`` to ``debit``."""

    date: datetime
    debit: str
    credit: str
    amount: Decimal
    document: str
    document_id: str
    agreement_id: str
    transaction: str | None = None


class Finding(MoneyWire):
    """A line of ``yagna payment verify`` (ours): a mismatch, an open amount or a note, explained."""

    kind: str
    about: str
    amount: Decimal
    what: str


class Withdrawal(MoneyWire):
    """A request of ``yagna payment exit`` (ours); no amount means all that is not reserved."""

    to: str
    amount: Decimal | None = None


class Withdrawn(MoneyWire):
    """What was moved by ``yagna payment exit`` (ours)."""

    to: str
    amount: Decimal
    transaction: str


class Redeemed(MoneyWire):
    """What ``yagna payment redeem`` (ours) has brought."""

    redeemed: Decimal


class VoucherExit(MoneyWire):
    """What ``yagna payment exit --driver voucher`` (ours) has done, and what is still to come.

    ``noticed`` is in deposits that come back at ``available_at``; ``held`` is in deposits behind vouchers
    that their payees have not redeemed.
    """

    redeemed: Decimal
    withdrawn: Decimal
    noticed: Decimal
    held: Decimal
    available_at: datetime | None = None


class PlatformEntry(Wire):
    """A line of ``yagna payment driver list``."""

    driver: str
    network: str
    token: str
    platform: str
    default: bool


class InitAccount(Wire):
    """A request of ``yagna payment init`` or ``fund``; no address means the key's own identity."""

    address: str | None = None
    platform: str | None = None
    sender: bool = True
    receiver: bool = True

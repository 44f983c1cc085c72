"""What nodes say to each other about payments. Every document is signed by the node that says it.

The receiver of a claim, of an acceptance and so on answers with nothing, or with an error. Errors with the
code ``REFUSED`` are final; after any other one the sender tries again.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from golemnet.model.documents import Signed

CLAIM = "payment.claim"
ACCEPT = "payment.accept"
REJECT = "payment.reject"
CANCEL = "payment.cancel"
FAIL = "payment.fail"
PAYMENT = "payment.payment"

REFUSED = "refused"
NOT_YET = "not-yet"

CLAIM_DOCUMENT = "payment-claim"
ACCEPTANCE_DOCUMENT = "payment-acceptance"
REJECTION_DOCUMENT = "payment-rejection"
CANCELLATION_DOCUMENT = "payment-cancellation"
FAILURE_DOCUMENT = "payment-failure"
PAYMENT_DOCUMENT = "payment"

MOST_ACTIVITIES = 1000
MOST_CLAIMS = 5000
MOST_PARTS = 4096

T = TypeVar("T")


class ClaimBody(msgspec.Struct, frozen=True, kw_only=True):
    """A debit note (``kind`` debit_note, one activity, cumulative amount) or an invoice; by the provider."""

    id: str
    kind: str
    agreement_id: str
    issuer_id: str
    recipient_id: str
    payee_addr: str
    payer_addr: str
    platform: str
    amount: Decimal
    activity_ids: list[str]
    timestamp: datetime
    usage: list[float] | None = None
    due: datetime | None = None
    previous_id: str | None = None


class AcceptanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """The promise to pay a claim; by the requestor."""

    claim_id: str
    agreement_id: str
    amount: Decimal
    timestamp: datetime


class RejectionBody(msgspec.Struct, frozen=True, kw_only=True):
    """The refusal of a claim, with the reason as in the REST API; by the requestor."""

    claim_id: str
    agreement_id: str
    reason: str
    amount: Decimal
    message: str | None
    timestamp: datetime


class CancellationBody(msgspec.Struct, frozen=True, kw_only=True):
    """The withdrawal of a claim; by the provider."""

    claim_id: str
    agreement_id: str
    timestamp: datetime


class FailureBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why a claim that was accepted cannot be paid for now; by the requestor. The promise stays."""

    claim_id: str
    agreement_id: str
    reason: str
    timestamp: datetime


class PartBody(msgspec.Struct, frozen=True, kw_only=True):
    """The share of a payment for an agreement, or for an activity under it."""

    agreement_id: str
    activity_id: str | None
    amount: Decimal


class VoucherBody(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher as the contract takes it: ``cumulative`` in GLM, ``expiry`` in Unix seconds."""

    cumulative: Decimal
    expiry: int
    signature: bytes


class PaymentBody(msgspec.Struct, frozen=True, kw_only=True):
    """The notice that a transaction or a voucher pays a provider, and for what; by the payer.

    ``amount`` is the sum of the parts, in GLM. The transaction may hold other payments as well. With a
    voucher, ``transaction_hash`` is that of what the payer has signed.
    """

    id: str
    payer_id: str
    payee_id: str
    payer_addr: str
    payee_addr: str
    platform: str
    amount: Decimal
    parts: list[PartBody]
    transaction_hash: str
    timestamp: datetime
    voucher: VoucherBody | None = None


class Tell(msgspec.Struct, frozen=True):
    """An effect: say ``body`` by ``method`` to ``node``; it is about a claim or a payment."""

    node: str
    method: str
    about: str
    body: bytes


def pack(value: msgspec.Struct) -> bytes:
    """``value`` as msgpack."""
    return msgspec.msgpack.encode(value)


def unpack(data: bytes, type_: type[T]) -> T:
    """A value of ``type_``. Raises ``msgspec.DecodeError``."""
    return msgspec.msgpack.decode(data, type=type_)


def unpack_signed(data: bytes) -> Signed:
    """A signed document, not verified yet. Raises ``msgspec.DecodeError``."""
    return unpack(data, Signed)

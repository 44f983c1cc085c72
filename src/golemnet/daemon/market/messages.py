"""What the market services of two nodes say to each other: msgpack structs, and documents signed by a node.

Proposals and agreements carry ids that are hashes of their content, so both sides compute the same id and
a message that comes twice is recognised. A refusal with a code of ``FINAL`` will not change; after any other
error the sender tries again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from golemnet.daemon.market.states import Role
from golemnet.model.documents import Signed
from golemnet.model.keys import sha3_256
from golemnet.net.errors import RemoteError

ANNOUNCE = "market.offers.announce"
GET = "market.offers.get"
WITHDRAW = "market.offers.withdraw"
SUMMARY = "market.offers.summary"
LIST = "market.offers.list"
PROPOSAL = "market.proposal"
PROPOSAL_REJECTED = "market.proposal.rejected"
AGREEMENT_PROPOSED = "market.agreement.proposed"
AGREEMENT_APPROVED = "market.agreement.approved"
AGREEMENT_ENDED = "market.agreement.ended"

OFFER_DOCUMENT = "market-offer"
WITHDRAWAL_DOCUMENT = "market-withdrawal"
PROPOSAL_DOCUMENT = "market-proposal"
PROPOSAL_REJECTION_DOCUMENT = "market-proposal-rejection"
AGREEMENT_DOCUMENT = "market-agreement"
APPROVAL_DOCUMENT = "market-approval"
COMMITMENT_DOCUMENT = "market-commitment"
ENDING_DOCUMENT = "market-ending"

REFUSED = "refused"
NOT_FOUND = "not-found"
CANCELLED = "cancelled"
EXPIRED = "expired"
BUSY = "busy"
FINAL = frozenset({REFUSED, NOT_FOUND, CANCELLED, EXPIRED})

MAX_ANNOUNCED = 1000
MAX_FETCHED = 256
MAX_LISTED = 1000
MAX_ID = 128
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_REASON_BYTES = 16 * 1024

T = TypeVar("T")
Reason = dict[str, Any]


class OfferIds(msgspec.Struct, frozen=True):
    """Ids that the sender knows (``ANNOUNCE``), or wants the offers of (``GET``, whose answer is those)."""

    offer_ids: list[str]


class Offers(msgspec.Struct, frozen=True):
    """Offers, each signed by its provider. Those that are not known, or do not fit, are left out."""

    offers: list[Signed]


class Withdrawals(msgspec.Struct, frozen=True):
    """Signed ``Withdrawal`` documents."""

    withdrawals: list[Signed]


class Withdrawal(msgspec.Struct, frozen=True):
    """An offer ends before its time; signed by its provider, who is part of what is known of the offer."""

    offer_id: str
    provider_id: str
    expires: datetime


class Comparison(msgspec.Struct, frozen=True):
    """Ask for what another node knows, in a few bytes; ``digest`` is of what the sender knows."""

    digest: bytes


class Summary(msgspec.Struct, frozen=True):
    """The answer: two nodes with equal digests know the same offers.

    ``buckets`` are digests of the parts of what is known; empty if the whole is equal.
    """

    offers: int
    digest: bytes
    buckets: list[bytes]


class ListFrom(msgspec.Struct, frozen=True):
    """Ask for the ids after ``after``, in their order, that are in these buckets."""

    buckets: list[int]
    after: str = ""


class Listing(msgspec.Struct, frozen=True):
    """A page of known ids; ``more`` says that others follow. The first page has the withdrawals as well."""

    offer_ids: list[str]
    more: bool
    withdrawals: list[Signed]


class ProposalBody(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a negotiation, signed by the side that makes it.

    ``previous`` is the id of the proposal that it answers; None for the first answer to an offer.
    """

    demand_id: str
    offer_id: str
    requestor_id: str
    provider_id: str
    issuer: Role
    previous: str | None
    properties: dict[str, Any]
    constraints: str
    created: datetime


class ProposalRejection(msgspec.Struct, frozen=True):
    """The refusal of a proposal, signed by the side that had to answer it."""

    proposal_id: str
    reason: Reason | None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one side brings into an agreement: the demand or the offer in its last form."""

    id: str
    node_id: str
    properties: dict[str, Any]
    constraints: str
    created: datetime


class AgreementBody(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an agreement, signed by the requestor; ``valid_to`` is the deadline of the approval."""

    proposal_id: str
    demand: Terms
    offer: Terms
    valid_to: datetime
    created: datetime


class Approval(msgspec.Struct, frozen=True):
    """The provider's yes, signed by it."""

    agreement_id: str
    approved: datetime


class Commitment(msgspec.Struct, frozen=True):
    """The requestor has taken the approval (``approval`` is its signature); the answer to it."""

    agreement_id: str
    approval: bytes


class Ending(msgspec.Struct, frozen=True):
    """An agreement is Rejected, Cancelled or Terminated, by the side that signs this."""

    agreement_id: str
    state: str
    at: datetime
    reason: Reason | None


def document_id(document: Signed) -> str:
    """The id of a proposal or an agreement: the hash of its content, 64 hex digits."""
    return sha3_256(document.body).hex()


def pack(message: msgspec.Struct) -> bytes:
    """The bytes of a message."""
    return msgspec.msgpack.encode(message)


def unpack(data: bytes, type_: type[T]) -> T:
    """A stranger's message.

    Raises:
        RemoteError: it is too long, or is not what it should be.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise RemoteError(REFUSED, f"The message is longer than {MAX_MESSAGE_BYTES} bytes.")
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.DecodeError, ValueError) as error:
        raise RemoteError(REFUSED, f"The message cannot be read: {error}.") from error


def check_reason(reason: Reason | None) -> Reason | None:
    """A reason that is not too long; otherwise ValueError."""
    if reason is not None and len(msgspec.json.encode(reason)) > MAX_REASON_BYTES:
        raise ValueError(f"A reason may have {MAX_REASON_BYTES} bytes.")
    return reason

"""The requestor's side of claims: accepting and rejecting them."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.payment import allocation_store, amounts, claim_store, order_store
from golemnet.daemon.payment.backing import Backing, Stale
from golemnet.daemon.payment.deposits import Deposits
from golemnet.daemon.payment.messages import (
    ACCEPT,
    ACCEPTANCE_DOCUMENT,
    REJECT,
    REJECTION_DOCUMENT,
    AcceptanceBody,
    RejectionBody,
)
from golemnet.daemon.payment.ordering import order_claim
from golemnet.daemon.payment.platforms import is_voucher
from golemnet.daemon.payment.settlement import settle
from golemnet.daemon.payment.spending import OWNER, Spender
from golemnet.daemon.payment.states import Event, State
from golemnet.daemon.payment.store import REQUESTOR, AllocationRecord, Claim
from golemnet.daemon.payment.tidings import Tidings
from golemnet.database.database import Database
from golemnet.model.money import parse_amount
from golemnet.rest.errors import BadRequest, Conflict, Forbidden
from golemnet.rest.payment import Acceptance, Rejection

_ACCEPTED = (State.ACCEPTED, State.SETTLED)
_TRIES = 5
REASONS = ("UNSOLICITED_SERVICE", "BAD_SERVICE", "INCORRECT_AMOUNT")


class ReceivedClaims:
    """Claims that this node has received as a requestor."""

    def __init__(self, clock: Clock, database: Database, tidings: Tidings, deposits: Deposits) -> None:
        self._clock = clock
        self._database = database
        self._tidings = tidings
        self._deposits = deposits

    async def accept(
        self, kind: str, claim_id: str, acceptance: Acceptance, spender: Spender = OWNER
    ) -> None:
        """Promise to pay the claim from an allocation, and order its payment.

        One write: the new state, the charge to the allocation, the order, and the message to the provider.
        Accepting again changes nothing.

        Raises:
            NotFound, Gone: no such claim or allocation, or the allocation is not open.
            Forbidden: the key has a limit, and another one has made the allocation.
            BadRequest: another amount than the claim's, or more than the allocation or the deposit behind it
                has left; or that deposit is closed, or ends too soon.
            Conflict: the claim was cancelled.
            ChainError: the chain cannot be asked for the deposit.
        """
        for _ in range(_TRIES):
            backing = await self._backing(kind, claim_id, acceptance.allocation_id)
            with contextlib.suppress(Stale):
                return await self._try_to_accept(kind, claim_id, acceptance, spender, backing)
        raise Conflict("Payments change the deposit too fast to accept from it; try again.")

    async def _try_to_accept(
        self, kind: str, claim_id: str, acceptance: Acceptance, spender: Spender, backing: Backing | None
    ) -> None:
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = _own(connection, kind, claim_id)
            if claim.state in _ACCEPTED:
                return
            _check_amount(claim, parse_amount(acceptance.total_amount_accepted))
            allocation = allocation_store.get_open(connection, acceptance.allocation_id, now)
            spender.check_may_use(allocation)
            _check_way(claim, allocation)
            self._accept(connection, claim, allocation, backing, now)

        await self._database.write(write, durable=True)

    async def _backing(self, kind: str, claim_id: str, allocation_id: str) -> Backing | None:
        """What the chain says of the deposit that is to pay a claim; None if none is, or it is accepted."""

        def read(connection: Connection) -> AllocationRecord | None:
            is_new = _own(connection, kind, claim_id).state not in _ACCEPTED
            return allocation_store.find(connection, allocation_id) if is_new else None

        allocation = await self._database.read(read)
        if allocation is None or allocation.deposit_id is None:
            return None
        return await self._deposits.backing(allocation.deposit_id)

    def _accept(
        self,
        connection: Connection,
        claim: Claim,
        allocation: AllocationRecord,
        backing: Backing | None,
        now: datetime,
    ) -> None:
        before = _promised(connection, claim.agreement_id)
        shares = _is_shared(connection, claim.agreement_id, allocation)
        ordered = order_claim(connection, claim, allocation, self._tidings)
        claim_store.take_step(connection, claim, Event.ACCEPTED, now, allocation_id=allocation.id)
        charge = _promised(connection, claim.agreement_id) - before
        # What another allocation was charged stays with it; this one must hold what it pays.
        charge = max(charge, ordered) if shares else charge
        charged = allocation_store.spend(connection, _extended(allocation, now), charge)
        if backing is not None and (charge > 0 or ordered > 0):
            backing.check(connection, charged)
        settle(connection, claim.agreement_id, now)
        document = AcceptanceBody(
            claim_id=claim.id, agreement_id=claim.agreement_id, amount=claim.amount, timestamp=now
        )
        self._say(connection, claim, ACCEPT, self._tidings.signed(ACCEPTANCE_DOCUMENT, document))

    async def reject(self, kind: str, claim_id: str, rejection: Rejection) -> None:
        """Refuse the claim, with a reason for the provider. Raises Conflict if it is accepted."""
        if rejection.rejection_reason not in REASONS:
            raise BadRequest(f"rejectionReason must be one of {', '.join(REASONS)}.")
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = _own(connection, kind, claim_id)
            if claim.state == State.REJECTED:
                return
            body = _rejection_body(claim, rejection, now)
            claim_store.take_step(connection, claim, Event.REJECTED, now, rejection=rejection_shown(body))
            self._say(connection, claim, REJECT, self._tidings.signed(REJECTION_DOCUMENT, body))

        await self._database.write(write, durable=True)

    def _say(self, connection: Connection, claim: Claim, method: str, body: bytes) -> None:
        self._tidings.tell(connection, claim.issuer_id, method, claim.id, body)
        self._tidings.wake_claims(connection, [claim.agreement_id])


def rejection_shown(body: RejectionBody) -> dict[str, str]:
    """A rejection as the REST API shows it."""
    shown = {"rejectionReason": body.reason, "totalAmountAccepted": format(body.amount, "f")}
    return shown if body.message is None else {**shown, "message": body.message}


def _rejection_body(claim: Claim, rejection: Rejection, now: datetime) -> RejectionBody:
    return RejectionBody(
        claim_id=claim.id,
        agreement_id=claim.agreement_id,
        reason=rejection.rejection_reason,
        amount=parse_amount(rejection.total_amount_accepted),
        message=(rejection.message or "")[:1000] or None,
        timestamp=now,
    )


def _own(connection: Connection, kind: str, claim_id: str) -> Claim:
    claim = claim_store.get(connection, kind, claim_id)
    if claim.role != REQUESTOR:
        raise Forbidden("Only the requestor who received it may do this.", id=claim_id)
    return claim


def _promised(connection: Connection, agreement_id: str) -> Decimal:
    claims = claim_store.of_agreement(connection, agreement_id)
    return amounts.promised(claims, order_store.orders_of_agreement(connection, agreement_id))


def _is_shared(connection: Connection, agreement_id: str, allocation: AllocationRecord) -> bool:
    claims = claim_store.of_agreement(connection, agreement_id)
    return any(each.allocation_id not in (None, allocation.id) for each in claims)


def _check_amount(claim: Claim, accepted: Decimal) -> None:
    if accepted != claim.amount:
        raise BadRequest(
            f"Invalid amount accepted: {accepted:f}.", why=f"The claim is for {claim.amount:f} GLM."
        )


def _check_way(claim: Claim, allocation: AllocationRecord) -> None:
    if allocation.deposit_id is not None and is_voucher(claim.platform):
        raise BadRequest(
            "Vouchers are not paid from deposits of others.", next_step="Accept from another allocation."
        )


def _extended(allocation: AllocationRecord, now: datetime) -> AllocationRecord:
    """An allocation that is to be extended by its use, extended."""
    if allocation.extend_s is None or allocation.timeout is None:
        return allocation
    timeout = max(allocation.timeout, now + timedelta(seconds=allocation.extend_s))
    return msgspec.structs.replace(allocation, timeout=timeout)

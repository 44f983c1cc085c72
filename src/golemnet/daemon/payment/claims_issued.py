"""The provider's side of claims: issuing, sending and withdrawing them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.payment import claim_store
from golemnet.daemon.payment.messages import (
    CANCEL,
    CANCELLATION_DOCUMENT,
    CLAIM,
    CLAIM_DOCUMENT,
    REFUSED,
    CancellationBody,
    ClaimBody,
)
from golemnet.daemon.payment.states import Event, State
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE, PROVIDER, Claim
from golemnet.daemon.payment.terms import Deals, Terms, terms_of
from golemnet.daemon.payment.tidings import Tidings, claims_of
from golemnet.database.database import Database
from golemnet.model.money import parse_amount
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError, RemoteError
from golemnet.net.network import Network
from golemnet.rest.errors import BadRequest, Conflict, Forbidden, GatewayTimeout, NotFound
from golemnet.rest.payment import NewDebitNote, NewInvoice
from golemnet.rest.wire import utc

_DEAD = (State.REJECTED, State.CANCELLED)


class IssuedClaims:
    """Claims that this node makes as a provider."""

    def __init__(
        self,
        clock: Clock,
        node_id: NodeId,
        database: Database,
        network: Network,
        deals: Deals,
        tidings: Tidings,
    ) -> None:
        self._clock = clock
        self._node_id = node_id
        self._database = database
        self._network = network
        self._deals = deals
        self._tidings = tidings

    async def issue_debit_note(self, new: NewDebitNote) -> Claim:
        """Write a debit note over what an activity has cost so far.

        Raises:
            NotFound: no such activity or agreement.
            BadRequest: it asks for less than the one before, or an invoice was issued already.
        """
        agreement_id = await self._deals.agreement_of(new.activity_id)
        if agreement_id is None:
            raise NotFound("No such activity here.", activity_id=new.activity_id)
        terms = await self._terms(agreement_id)
        amount, due = parse_amount(new.total_amount_due), _utc(new.payment_due_date)
        activity_ids, usage = [new.activity_id], new.usage_counter_vector

        def write(connection: Connection) -> Claim:
            before = claim_store.of_agreement(connection, agreement_id)
            previous = _previous_note(before, new.activity_id, amount)
            body = self._body(terms, DEBIT_NOTE, amount, activity_ids, due, usage=usage, previous=previous)
            return self._add(connection, body, terms)

        return await self._database.write(write, durable=True)

    async def issue_invoice(self, new: NewInvoice) -> Claim:
        """Write the invoice of an agreement; asked for the same again, the same one is the answer.

        Raises:
            NotFound: no such agreement.
            Conflict: it has another invoice, which is neither rejected nor cancelled.
        """
        terms = await self._terms(new.agreement_id)
        amount, due = parse_amount(new.amount), _utc(new.payment_due_date)

        def write(connection: Connection) -> Claim:
            before = claim_store.of_agreement(connection, new.agreement_id)
            live = [each for each in before if each.kind == INVOICE and each.state not in _DEAD]
            if live:
                return _same(live[0], amount, new.activity_ids)
            return self._add(connection, self._body(terms, INVOICE, amount, new.activity_ids, due), terms)

        return await self._database.write(write, durable=True)

    async def send(self, kind: str, claim_id: str, timeout_s: float) -> None:
        """Send the claim and wait until the requestor has it.

        Raises:
            GatewayTimeout: not within ``timeout_s``; it is sent as soon as the requestor is there.
            Conflict: the requestor has refused it, with its reason.
        """

        def write(connection: Connection) -> Claim:
            claim = self._own(connection, kind, claim_id)
            if claim.state == State.ISSUED:
                self._tidings.tell(connection, claim.recipient_id, CLAIM, claim.id, claim.signed)
            return claim

        claim = await self._database.write(write, durable=True)
        claim = await self._await_delivery(claim, timeout_s)
        if claim.state == State.REJECTED:
            raise Conflict(f"The requestor has refused it: {(claim.rejection or {}).get('message', '')}")

    async def _await_delivery(self, sent: Claim, timeout_s: float) -> Claim:
        async def look() -> Claim | None:
            claim = await self._database.read(
                lambda connection: claim_store.get(connection, sent.kind, sent.id)
            )
            return None if claim.state == State.ISSUED else claim

        claim = await self._tidings.signal.poll(claims_of(sent.agreement_id), look, timeout_s)
        if claim is None:
            raise GatewayTimeout(
                "The requestor has not taken the claim in time.",
                next_step="It is sent as soon as the requestor's node is there.",
                id=sent.id,
            )
        return claim

    async def cancel(self, kind: str, claim_id: str, timeout_s: float) -> None:
        """Withdraw a claim that is not accepted.

        Raises:
            Conflict: it is accepted or settled.
            GatewayTimeout: the requestor does not answer. A claim that it has is unchanged; one that is still
                under way is cancelled as soon as the requestor is there.
        """
        claim = await self._database.read(lambda connection: self._own(connection, kind, claim_id))
        if claim.state == State.ISSUED:
            await self._cancel_behind_it(claim)
            claim = await self._await_delivery(claim, timeout_s)
        if claim.state in (State.RECEIVED, State.REJECTED):
            await self._ask_to_cancel(claim, timeout_s)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim_store.take_step(connection, self._own(connection, kind, claim_id), Event.CANCELLED, now)
            self._tidings.wake_claims(connection, [claim.agreement_id])

        await self._database.write(write)

    async def _cancel_behind_it(self, claim: Claim) -> None:
        """Send the cancellation after the claim itself: overtaking it, it would be forgotten."""
        body = self._cancellation(claim)
        await self._database.write(
            lambda connection: self._tidings.tell(connection, claim.recipient_id, CANCEL, claim.id, body)
        )

    def _cancellation(self, claim: Claim) -> bytes:
        document = CancellationBody(
            claim_id=claim.id, agreement_id=claim.agreement_id, timestamp=self._clock.now()
        )
        return self._tidings.signed(CANCELLATION_DOCUMENT, document)

    async def _ask_to_cancel(self, claim: Claim, timeout_s: float) -> None:
        body = self._cancellation(claim)
        try:
            await self._network.call(NodeId(claim.recipient_id), CANCEL, body, timeout_s=timeout_s)
        except RemoteError as error:
            if error.code == REFUSED:
                raise Conflict("The requestor does not let it be cancelled.", why=str(error)) from error
            raise GatewayTimeout("The requestor's node has failed on it.", id=claim.id) from error
        except NetError as error:
            raise GatewayTimeout("The requestor does not answer.", why=str(error), id=claim.id) from error

    async def _terms(self, agreement_id: str) -> Terms:
        agreement = await self._deals.agreement(agreement_id)
        if agreement is None:
            raise NotFound("No such agreement here.", agreement_id=agreement_id)
        terms = terms_of(agreement)
        if terms.provider_id != self._node_id:
            raise Forbidden("Only the provider of an agreement issues claims.", agreement_id=agreement_id)
        return terms

    def _body(
        self,
        terms: Terms,
        kind: str,
        amount: Decimal,
        activity_ids: Sequence[str],
        due: datetime | None,
        *,
        usage: list[float] | None = None,
        previous: str | None = None,
    ) -> ClaimBody:
        return ClaimBody(
            id=str(uuid.uuid4()),
            kind=kind,
            agreement_id=terms.agreement_id,
            issuer_id=terms.provider_id,
            recipient_id=terms.requestor_id,
            payee_addr=terms.payee_addr,
            payer_addr=terms.payer_addr,
            platform=terms.platform,
            amount=amount,
            activity_ids=list(activity_ids),
            timestamp=self._clock.now(),
            usage=usage,
            due=due,
            previous_id=previous,
        )

    def _add(self, connection: Connection, body: ClaimBody, terms: Terms) -> Claim:
        claim = claim_of(
            body,
            role=PROVIDER,
            state=State.ISSUED,
            app_session_id=terms.app_session_id,
            signed=self._tidings.signed(CLAIM_DOCUMENT, body),
        )
        claim_store.add(connection, claim, body.timestamp)
        return claim

    def _own(self, connection: Connection, kind: str, claim_id: str) -> Claim:
        claim = claim_store.get(connection, kind, claim_id)
        if claim.role != PROVIDER:
            raise Forbidden("Only the provider who issued it may do this.", id=claim_id)
        return claim


def claim_of(body: ClaimBody, *, role: str, state: State, app_session_id: str | None, signed: bytes) -> Claim:
    """The record of a claim document."""
    return Claim(
        id=body.id,
        kind=body.kind,
        role=role,
        agreement_id=body.agreement_id,
        issuer_id=body.issuer_id,
        recipient_id=body.recipient_id,
        payee_addr=body.payee_addr,
        payer_addr=body.payer_addr,
        platform=body.platform,
        amount=body.amount,
        activity_ids=body.activity_ids,
        usage=body.usage,
        due=body.due,
        previous_id=body.previous_id,
        timestamp=body.timestamp,
        state=state,
        app_session_id=app_session_id,
        signed=signed,
    )


def _previous_note(before: Sequence[Claim], activity_id: str, amount: Decimal) -> str | None:
    if any(each.kind == INVOICE and each.state not in _DEAD for each in before):
        raise BadRequest("The agreement has its invoice; no debit note can follow.")
    notes = [each for each in before if each.activity_id == activity_id and each.state not in _DEAD]
    if notes and amount < notes[-1].amount:
        raise BadRequest(
            f"The debit note before asks for {notes[-1].amount:f} GLM; {amount:f} is less.",
            why="Debit notes are cumulative.",
        )
    return notes[-1].id if notes else None


def _same(invoice: Claim, amount: Decimal, activity_ids: Sequence[str]) -> Claim:
    if invoice.amount == amount and sorted(invoice.activity_ids) == sorted(activity_ids):
        return invoice
    raise Conflict(
        "The agreement has an invoice already.",
        next_step="Cancel it before another one is issued.",
        invoice_id=invoice.id,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else utc(moment)

"""What other nodes tell this one about claims. Only those concerned are believed, and by their signature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.payment import claim_store
from golemnet.daemon.payment.claims_issued import claim_of
from golemnet.daemon.payment.claims_received import rejection_shown
from golemnet.daemon.payment.messages import (
    ACCEPT,
    ACCEPTANCE_DOCUMENT,
    CANCEL,
    CANCELLATION_DOCUMENT,
    CLAIM,
    CLAIM_DOCUMENT,
    FAIL,
    FAILURE_DOCUMENT,
    REFUSED,
    REJECT,
    REJECTION_DOCUMENT,
    AcceptanceBody,
    CancellationBody,
    ClaimBody,
    FailureBody,
    RejectionBody,
    unpack_signed,
)
from golemnet.daemon.payment.settlement import settle
from golemnet.daemon.payment.states import Event, IllegalStep, State
from golemnet.daemon.payment.store import PROVIDER, REQUESTOR, Claim
from golemnet.daemon.payment.terms import Deals, Terms, terms_of
from golemnet.daemon.payment.tidings import Tidings
from golemnet.daemon.payment.verification import Refused, check_claim
from golemnet.database.database import Database
from golemnet.model.documents import open_signed
from golemnet.model.keys import BadSignature
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError
from golemnet.net.network import Network
from golemnet.rest.errors import BadRequest

MOST_REASON = 1000

T = TypeVar("T")


class ClaimPeers:
    """Handles the messages about claims; each may be repeated."""

    def __init__(self, clock: Clock, database: Database, deals: Deals, tidings: Tidings) -> None:
        self._clock = clock
        self._database = database
        self._deals = deals
        self._tidings = tidings

    def listen(self, network: Network) -> None:
        """Answer on ``network``."""
        network.handle(CLAIM, self.on_claim)
        network.handle(ACCEPT, self.on_acceptance)
        network.handle(REJECT, self.on_rejection)
        network.handle(CANCEL, self.on_cancellation)
        network.handle(FAIL, self.on_failure)

    async def on_claim(self, caller: NodeId, data: bytes) -> bytes:
        """A provider has sent a claim: check it against the agreement and keep it for the program."""
        body = opened(data, CLAIM_DOCUMENT, ClaimBody, caller)
        terms = await terms_for(self._deals, body.agreement_id)
        facts = await self._deals.activities(body.agreement_id)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            known = claim_store.find(connection, body.id)
            if known is not None:
                _same_claim(known, data)
                return
            check_claim(body, terms, claim_store.of_agreement(connection, body.agreement_id), facts, now)
            self._add(connection, body, terms, data, now)

        with refusing():
            await self._database.write(write, durable=True)
        return b""

    def _add(
        self, connection: Connection, body: ClaimBody, terms: Terms, signed: bytes, now: datetime
    ) -> None:
        claim = claim_of(
            body,
            role=REQUESTOR,
            state=State.RECEIVED,
            app_session_id=terms.app_session_id,
            signed=signed,
        )
        claim_store.add(connection, claim, now)
        self._tidings.wake_claims(connection, [claim.agreement_id])

    async def on_acceptance(self, caller: NodeId, data: bytes) -> bytes:
        """The requestor promises to pay a claim of ours."""
        body = opened(data, ACCEPTANCE_DOCUMENT, AcceptanceBody, caller)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = _issued_to(connection, body.claim_id, caller)
            if body.amount != claim.amount:
                raise Refused(f"Refused: the claim is for {claim.amount:f} GLM.")
            claim_store.take_step(connection, claim, Event.ACCEPTED, now)
            settle(connection, claim.agreement_id, now)
            self._tidings.wake_claims(connection, [claim.agreement_id])

        with refusing():
            await self._database.write(write, durable=True)
        return b""

    async def on_rejection(self, caller: NodeId, data: bytes) -> bytes:
        """The requestor refuses a claim of ours."""
        body = opened(data, REJECTION_DOCUMENT, RejectionBody, caller)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = _issued_to(connection, body.claim_id, caller)
            shown = rejection_shown(body)
            claim_store.take_step(connection, claim, Event.REJECTED, now, rejection=shown)
            self._tidings.wake_claims(connection, [claim.agreement_id])

        with refusing():
            await self._database.write(write)
        return b""

    async def on_failure(self, caller: NodeId, data: bytes) -> bytes:
        """The requestor cannot pay a claim of ours that it has accepted, and says why."""
        body = opened(data, FAILURE_DOCUMENT, FailureBody, caller)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = _issued_to(connection, body.claim_id, caller)
            if claim.state == State.ACCEPTED and claim.problem is None:
                claim_store.note_problem(connection, claim, body.reason[:MOST_REASON], now)
                self._tidings.wake_claims(connection, [claim.agreement_id])

        with refusing():
            await self._database.write(write)
        return b""

    async def on_cancellation(self, caller: NodeId, data: bytes) -> bytes:
        """The provider withdraws a claim; refused once it is accepted."""
        body = opened(data, CANCELLATION_DOCUMENT, CancellationBody, caller)
        now = self._clock.now()

        def write(connection: Connection) -> None:
            claim = claim_store.find(connection, body.claim_id)
            if claim is None:
                return
            if claim.issuer_id != caller or claim.role != REQUESTOR:
                raise Refused("Refused: another node has issued the claim.")
            claim_store.take_step(connection, claim, Event.CANCELLED, now)
            self._tidings.wake_claims(connection, [claim.agreement_id])

        with refusing():
            await self._database.write(write)
        return b""


def opened(data: bytes, kind: str, type_: type[T], signer: NodeId) -> T:
    """The document in ``data``, signed by ``signer``; a remote error that is final if it is not."""
    try:
        return open_signed(unpack_signed(data), kind, type_, signer)
    except (BadSignature, msgspec.DecodeError, ValueError) as error:
        raise RemoteError(REFUSED, f"Refused: {error}") from error


@contextmanager
def refusing() -> Iterator[None]:
    """Within it, what is refused becomes a remote error that is final."""
    try:
        yield
    except (Refused, IllegalStep, BadRequest) as error:
        raise RemoteError(REFUSED, str(error)) from error


async def terms_for(deals: Deals, agreement_id: str) -> Terms:
    """The terms of an agreement that a peer names; a remote error that is final if there is none."""
    agreement = await deals.agreement(agreement_id)
    if agreement is None:
        raise RemoteError(REFUSED, "Refused: there is no such agreement here.")
    try:
        return terms_of(agreement)
    except (BadRequest, ValueError) as error:
        raise RemoteError(REFUSED, f"Refused: {error}") from error


def _issued_to(connection: Connection, claim_id: str, requestor: NodeId) -> Claim:
    claim = claim_store.find(connection, claim_id)
    if claim is None or claim.role != PROVIDER or claim.recipient_id != requestor:
        raise Refused("Refused: no such claim was issued to that node.")
    return claim


def _same_claim(known: Claim, data: bytes) -> None:
    if known.signed != data:
        raise Refused("Refused: another claim has this id.")

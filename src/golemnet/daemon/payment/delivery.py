"""Carries out the stored effects: tells other nodes what was decided here."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.payment import claim_store
from golemnet.daemon.payment.messages import CANCEL, CLAIM, REFUSED, Tell, unpack
from golemnet.daemon.payment.states import STEPS, Event, State
from golemnet.daemon.payment.tidings import Tidings
from golemnet.database.database import Database
from golemnet.database.outbox import Undeliverable
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError
from golemnet.net.network import Network

CALL_TIMEOUT_S = 20.0

log = structlog.get_logger(__name__)


class Delivery:
    """Says what is stored to be said; safe to repeat, because every receiver takes a repetition as such."""

    def __init__(self, clock: Clock, database: Database, network: Network, tidings: Tidings) -> None:
        self._clock = clock
        self._database = database
        self._network = network
        self._tidings = tidings

    async def tell(self, _key: str, body: bytes) -> None:
        """Handle one effect.

        Raises:
            Undeliverable: the other node has refused it for good, or it is a claim that was cancelled.
            NetError: it could not be said; try again.
        """
        tell = unpack(body, Tell)
        if tell.method == CLAIM and await self._is_cancelled(tell.about):
            raise Undeliverable("The claim was cancelled before it was delivered.", about=tell.about)
        try:
            await self._network.call(NodeId(tell.node), tell.method, tell.body, timeout_s=CALL_TIMEOUT_S)
        except RemoteError as error:
            if error.code != REFUSED:
                raise
            await self._was_refused(tell, str(error))
            raise Undeliverable(f"{tell.method} was refused.", why=str(error), about=tell.about) from error
        if tell.method == CLAIM:
            await self._claim_step(tell.about, Event.DELIVERED, None)
        if tell.method == CANCEL:
            await self._claim_step(tell.about, Event.CANCELLED, None)

    async def _is_cancelled(self, claim_id: str) -> bool:
        claim = await self._database.read(lambda connection: claim_store.find(connection, claim_id))
        return claim is not None and claim.state == State.CANCELLED

    async def _was_refused(self, tell: Tell, why: str) -> None:
        if tell.method == CLAIM:
            reason = "INCORRECT_AMOUNT" if "prices justify" in why else "UNSOLICITED_SERVICE"
            rejection = {"rejectionReason": reason, "totalAmountAccepted": "0", "message": why[:1000]}
            await self._claim_step(tell.about, Event.REJECTED, rejection)

    async def _claim_step(self, claim_id: str, event: Event, rejection: dict[str, str] | None) -> None:
        now: datetime = self._clock.now()

        def write(connection: Connection) -> None:
            claim = claim_store.find(connection, claim_id)
            if claim is not None and (State(claim.state), event) in STEPS:  # else it was decided meanwhile
                claim_store.take_step(connection, claim, event, now, rejection=rejection)
                self._tidings.wake_claims(connection, [claim.agreement_id])

        await self._database.write(write)

"""Telling other nodes, and waking those who wait here: what every part of the service needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.payment.messages import Tell, pack
from golemnet.database.database import after_commit
from golemnet.database.outbox import Outbox
from golemnet.model.documents import sign
from golemnet.model.keys import NodeKey

TELL = "payment.tell"
NOTICE = "payment.notice"
BATCH = "payment.batch"
CLOSE = "payment.close-deposit"

CLAIMS = "claims"
ORDERS = "orders"
PAYMENTS = "payments"

PATIENCE = timedelta(days=30)


def claims_of(agreement_id: str) -> str:
    """The topic of the claims of one agreement: thousands may wait at once, each for its own."""
    return f"{CLAIMS} of {agreement_id}"


class Tidings:
    """Signs documents and stores them as effects.

    ``signal`` wakes by CLAIMS, ORDERS and PAYMENTS, and by ``claims_of(agreement)`` who waits for one deal.
    """

    def __init__(self, clock: Clock, key: NodeKey, outbox: Outbox) -> None:
        self.signal: Signal[str] = Signal()
        self._clock = clock
        self._key = key
        self._outbox = outbox

    def signed(self, kind: str, document: msgspec.Struct) -> bytes:
        """The document, signed by this node, as it travels."""
        return pack(sign(kind, document, self._key))

    def tell(self, connection: Connection, node: str, method: str, about: str, body: bytes) -> None:
        """Have ``body`` said to ``node`` once the write is committed; in order with what was told before."""
        self._put(connection, TELL, node, Tell(node, method, about, body))

    def notify(self, connection: Connection, node: str, method: str, about: str, body: bytes) -> None:
        """The same for a payment: it may wait for confirmations and must not hold up the others."""
        self._put(connection, NOTICE, node, Tell(node, method, about, body))

    def start_batch(self, connection: Connection, batch_id: str) -> None:
        """Have the batch paid once the write is committed; tried without an end."""
        self._outbox.put(connection, BATCH, batch_id, b"")

    async def hurry_batch(self, batch_id: str) -> None:
        """Try at once to pay a batch that waits for its next attempt."""
        await self._outbox.retry_now(BATCH, batch_id)

    def close_deposit(self, connection: Connection, deposit_id: str) -> None:
        """Have a deposit closed once the write is committed and all that is ordered from it is paid."""
        self._outbox.put(connection, CLOSE, deposit_id, b"")

    def wake(self, connection: Connection, *topics: str) -> None:
        """Wake those who wait for one of ``topics`` once the write is committed."""
        for topic in topics:
            after_commit(connection, partial(self.signal.fire, topic))

    def wake_claims(self, connection: Connection, agreement_ids: Iterable[str]) -> None:
        """Wake those who wait for claims of these agreements, or for any."""
        self.wake(connection, CLAIMS, *map(claims_of, agreement_ids))

    async def retry(self, node: str) -> None:
        """The node is back: say at once what waited for it."""
        for kind in (TELL, NOTICE):
            await self._outbox.retry_now(kind, node)

    def _put(self, connection: Connection, kind: str, key: str, tell: Tell) -> None:
        self._outbox.put(connection, kind, key, pack(tell), give_up=self._clock.now() + PATIENCE)

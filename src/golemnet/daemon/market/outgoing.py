"""Messages that the market promises to deliver: stored with the state that they follow from, then sent.

Each is sent until the other node answers or the message is of no more use. What the answer means is for the
one who sent the message to say: it hands in a ``Follow`` for the kind of message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.market.messages import FINAL
from golemnet.database.outbox import Outbox
from golemnet.model.node_id import NodeId
from golemnet.net.errors import NetError, RemoteError
from golemnet.net.network import Network

KIND = "market.message"
CALL_TIMEOUT_S = 5.0
UNDELIVERED = "undelivered"

log = structlog.get_logger(__name__)


class Envelope(msgspec.Struct, frozen=True):
    """A stored message."""

    node: str
    method: str
    body: bytes
    give_up: datetime


class Follow(msgspec.Struct, frozen=True):
    """What to do when the other node has taken a message, or never will.

    Both get the key of the message; ``answered`` the answer as well, which it may refuse by ``RemoteError``;
    ``refused`` a code (``UNDELIVERED`` if the node was not reached in time) and a text.
    """

    answered: Callable[[str, bytes], Awaitable[None]]
    refused: Callable[[str, str, str], Awaitable[None]]


async def ignore(*_: object) -> None:
    """Nothing follows."""


class Outgoing:
    """Stores messages in the outbox, and delivers them when the outbox says so."""

    def __init__(self, network: Network, outbox: Outbox, clock: Clock, follows: Mapping[str, Follow]) -> None:
        self._network = network
        self._outbox = outbox
        self._clock = clock
        self._follows = follows

    def put(
        self, connection: Connection, key: str, node: str, method: str, body: bytes, give_up: datetime
    ) -> None:
        """Promise to send ``body``; messages with one key are delivered in their order."""
        envelope = Envelope(node, method, body, give_up)
        self._outbox.put(connection, KIND, key, msgspec.msgpack.encode(envelope))

    async def deliver(self, key: str, data: bytes) -> None:
        """Send a stored message once; an exception means that it is to be tried again."""
        envelope = msgspec.msgpack.decode(data, type=Envelope)
        follow = self._follows.get(envelope.method, Follow(ignore, ignore))
        try:
            answer = await self._network.call(
                NodeId.parse(envelope.node), envelope.method, envelope.body, timeout_s=CALL_TIMEOUT_S
            )
            await follow.answered(key, answer)
        except RemoteError as error:
            if error.code not in FINAL and self._clock.now() < envelope.give_up:
                raise
            await self._refused(follow, key, envelope, error.code, str(error))
        except NetError as error:
            if self._clock.now() < envelope.give_up:
                raise
            await self._refused(follow, key, envelope, UNDELIVERED, str(error))

    async def _refused(self, follow: Follow, key: str, envelope: Envelope, code: str, why: str) -> None:
        log.info("message refused", node=envelope.node, method=envelope.method, code=code, why=why, about=key)
        await follow.refused(key, code, why)

"""What this node publishes: its offers, which spread over the network, and its demands, which stay here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.market import store
from golemnet.daemon.market.alarm import Alarm
from golemnet.daemon.market.board import Board
from golemnet.daemon.market.messages import OFFER_DOCUMENT, WITHDRAWAL_DOCUMENT, Withdrawal
from golemnet.daemon.market.proposal_store import offers_announced
from golemnet.daemon.market.spread import Spread
from golemnet.daemon.market.store import Kind, Subscription
from golemnet.database.database import Database
from golemnet.model.constraints import parse
from golemnet.model.documents import Signed, sign
from golemnet.model.keys import NodeKey
from golemnet.model.offer import Demand, Offer
from golemnet.model.properties import flatten
from golemnet.rest.errors import Gone, NotFound

OFFER_LIFE = timedelta(hours=1)
DEMAND_LIFE = timedelta(hours=24)
MAX_REMEMBERED = 10_000


class Publications:
    """The subscriptions of this node's programs.

    Args:
        key: signs the offers.
        clock: time.
        database: where subscriptions survive a restart.
        board: matches the demands.
        spread: carries the offers.
        alarm: rings when a subscription expires.
        changed: fired with a subscription's id when it ends, to end the polls on it.
    """

    def __init__(
        self,
        key: NodeKey,
        clock: Clock,
        database: Database,
        board: Board,
        spread: Spread,
        alarm: Alarm,
        changed: Signal[str],
    ) -> None:
        self._key = key
        self._clock = clock
        self._database = database
        self._board = board
        self._spread = spread
        self._alarm = alarm
        self._changed = changed
        self._open: dict[str, Subscription] = {}
        self._offers: dict[str, Offer] = {}
        self._ended: dict[str, None] = {}
        self.is_loaded = False

    @property
    def offers(self) -> list[Offer]:
        """The published offers of this node."""
        return list(self._offers.values())

    @property
    def demands(self) -> list[Demand]:
        """The published demands of this node."""
        return self._board.demands

    def own_offer(self, offer_id: str) -> Offer | None:
        """The published offer of this node, or None."""
        return self._offers.get(offer_id)

    def require(self, subscription_id: str) -> Subscription:
        """The open subscription; NotFound if there is none (any more)."""
        subscription = self._open.get(subscription_id)
        if subscription is None or subscription.expires <= self._clock.now():
            raise NotFound(
                "There is no such subscription, or it has ended.",
                next_step="Publish again.",
                subscription_id=subscription_id,
            )
        return subscription

    async def publish_offer(self, properties: dict[str, Any], constraints: str) -> str:
        """Publish an offer; its id. ValueError if properties or constraint cannot be read."""
        flat = flatten(properties)
        parse(constraints)
        now = self._clock.now()
        offer = Offer.create(self._key.node_id, flat, constraints, now, now + OFFER_LIFE)
        document = sign(OFFER_DOCUMENT, offer, self._key)
        await self._store(offer.offer_id, Kind.OFFER, msgspec.msgpack.encode(document), offer.expires)
        self._offers[offer.offer_id] = offer
        self._spread.publish(document)
        return offer.offer_id

    async def publish_demand(self, properties: dict[str, Any], constraints: str) -> str:
        """Publish a demand; its id. ValueError if properties or constraint cannot be read."""
        flat = flatten(properties)
        parse(constraints)
        now = self._clock.now()
        demand = Demand.create(self._key.node_id, flat, constraints, now, now + DEMAND_LIFE)
        await self._store(demand.demand_id, Kind.DEMAND, msgspec.msgpack.encode(demand), demand.expires)
        await self._board.open(demand)
        return demand.demand_id

    async def _store(self, subscription_id: str, kind: Kind, body: bytes, expires: datetime) -> None:
        subscription = Subscription(subscription_id, kind, body, expires)
        await self._database.write(lambda connection: store.add_subscription(connection, subscription))
        self._remember(subscription)

    def _remember(self, subscription: Subscription) -> None:
        self._open[subscription.subscription_id] = subscription
        self._alarm.at(subscription.expires)

    async def withdraw(self, subscription_id: str, kind: Kind) -> None:
        """End a subscription.

        Raises:
            Gone: it has ended before.
            NotFound: there never was one of that kind, or it is forgotten.
        """
        subscription = self._open.get(subscription_id)
        if subscription is None and subscription_id in self._ended:
            raise Gone("The subscription has ended already.", subscription_id=subscription_id)
        if subscription is None or subscription.kind is not kind:
            raise NotFound("There is no such subscription.", subscription_id=subscription_id)
        if kind is Kind.OFFER:
            self._spread.withdraw(self._withdrawal(subscription))
        await self._end(subscription)

    def _withdrawal(self, subscription: Subscription) -> Signed:
        withdrawal = Withdrawal(subscription.subscription_id, str(self._key.node_id), subscription.expires)
        return sign(WITHDRAWAL_DOCUMENT, withdrawal, self._key)

    async def _end(self, subscription: Subscription) -> None:
        ended = subscription.subscription_id
        self._open.pop(ended, None)
        self._offers.pop(ended, None)
        self._board.close(ended)
        self._ended[ended] = None
        if len(self._ended) > MAX_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        await self._database.write(lambda connection: store.remove_subscription(connection, ended))
        self._changed.fire(ended)

    async def expire(self, now: datetime) -> None:
        """End the subscriptions whose time has passed."""
        for subscription in list(self._open.values()):
            if subscription.expires <= now:
                await self._end(subscription)

    async def load(self) -> None:
        """Publish again what was published before a restart; ``is_loaded`` says that it is done."""
        for subscription in await self._database.read(store.subscriptions):
            self._remember(subscription)
            if subscription.kind is Kind.OFFER:
                self._load_offer(subscription)
            else:
                await self._load_demand(subscription)
        self.is_loaded = True

    def _load_offer(self, subscription: Subscription) -> None:
        document = msgspec.msgpack.decode(subscription.body, type=Signed)
        self._offers[subscription.subscription_id] = msgspec.msgpack.decode(document.body, type=Offer)
        # A neighbour may have told us of it already.
        self._spread.publish(document)

    async def _load_demand(self, subscription: Subscription) -> None:
        demand = msgspec.msgpack.decode(subscription.body, type=Demand)

        def announced(connection: Connection) -> set[str]:
            return offers_announced(connection, demand.demand_id)

        await self._board.open(demand, await self._database.read(announced))

"""Scans: a program walks through the offers on the market, and waits for more."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta

import msgspec

from golemnet.clock import Clock
from golemnet.daemon.events import Signal
from golemnet.daemon.market.board import YIELD_EVERY
from golemnet.daemon.market.known_offer import KnownOffer, PropertyReader
from golemnet.daemon.market.offer_book import OfferBook
from golemnet.model.constraints import Constraint, parse
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, NotFound

DEFAULT_DISUSE_S = 300.0
MAX_DISUSE_S = 3600.0
MAX_SCANS = 100
NEW_OFFER = "new offer"


class Scan(msgspec.Struct):
    """Where a program is in the list of offers, by the number of the last one it was given."""

    constraint: Constraint | None
    reader: PropertyReader
    disuse: timedelta
    last_use: datetime
    position: int = 0


class Scans:
    """The scans of this node's programs; one that is not used for its time is closed."""

    def __init__(self, book: OfferBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._scans: dict[str, Scan] = {}
        self._arrived: Signal[str] = Signal()

    def offer_arrived(self) -> None:
        """Wake those who wait for more offers."""
        self._arrived.fire(NEW_OFFER)

    def begin(self, constraints: str | None, timeout_s: float | None) -> str:
        """Start a scan of the offers that ``constraints`` accepts (all if None); its id.

        Raises:
            BadRequest: too many scans are open; ValueError if the constraint cannot be read.
        """
        self._close_disused()
        if len(self._scans) >= MAX_SCANS:
            raise BadRequest("Too many scans are open.", next_step="End those that are not needed.")
        disuse = min(max(timeout_s or DEFAULT_DISUSE_S, 1.0), MAX_DISUSE_S)
        constraint = parse(constraints) if constraints else None
        scan_id = uuid.uuid4().hex
        reader = PropertyReader(constraint.names() if constraint else ())
        self._scans[scan_id] = Scan(constraint, reader, timedelta(seconds=disuse), self._clock.now())
        return scan_id

    async def collect(
        self, scan_id: str, timeout_s: float, limit: int, provider: NodeId | None = None
    ) -> list[KnownOffer]:
        """The next offers (of ``provider`` only, if given); waits for the first of them.

        Raises:
            NotFound: no such scan, or it was closed.
        """
        self._close_disused()
        scan = self._scans.get(scan_id)
        if scan is None:
            raise NotFound("There is no such scan.", scan_id=scan_id)
        scan.last_use = self._clock.now() + timedelta(seconds=timeout_s)
        return await self._arrived.poll(NEW_OFFER, lambda: self._next(scan, limit, provider), timeout_s)

    def is_open(self, scan_id: str) -> bool:
        """Whether the scan exists and is in use."""
        return scan_id in self._scans

    def end(self, scan_id: str) -> None:
        """Close a scan; NotFound if there is none."""
        if self._scans.pop(scan_id, None) is None:
            raise NotFound("There is no such scan.", scan_id=scan_id)

    async def _next(self, scan: Scan, limit: int, provider: NodeId | None) -> list[KnownOffer]:
        found: list[KnownOffer] = []
        for count, known in enumerate(self._book.after(scan.position), start=1):
            if len(found) >= limit:
                break
            scan.position = known.number
            if provider in (None, known.provider_id) and _accepts(scan, known):
                found.append(known)
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return found

    def _close_disused(self) -> None:
        now = self._clock.now()
        for scan_id, scan in list(self._scans.items()):
            if scan.last_use + scan.disuse < now:
                del self._scans[scan_id]


def _accepts(scan: Scan, known: KnownOffer) -> bool:
    return scan.constraint is None or scan.constraint.holds(scan.reader.read(known)) is True

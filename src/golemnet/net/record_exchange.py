"""Node records between neighbours: told when they meet, and passed on when they are new.

Both within bounds, whatever the size of the network, and however many nodes a neighbour makes up.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import structlog
from iroh import Endpoint

from golemnet.clock import Clock
from golemnet.model.documents import Signed
from golemnet.model.keys import BadSignature, NodeKey
from golemnet.net.budget import Budget
from golemnet.net.frames import MAX_RECORDS_OF_FRAME, Records
from golemnet.net.iroh_binding import place_of
from golemnet.net.records import MAX_RECORDS, Place, RecordBook, make_record
from golemnet.net.session import Session
from golemnet.net.sessions import Sessions

RENEW_EVERY_S = 1200.0
# All at once when a neighbour comes, then what a full book of records brings as they are renewed.
MAX_CHECKED_AT_ONCE, MAX_CHECKED_A_SECOND = MAX_RECORDS, 20
MAX_PASSED_ON_AT_ONCE, MAX_PASSED_ON_A_SECOND = 1000, 10
LAN = "lan"

log = structlog.get_logger(__name__)


class RecordExchange:
    """Keeps a ``RecordBook`` equal to those of the neighbours.

    Args:
        key: signs this node's record.
        clock: dates it.
        book: what is known.
        sessions: to the neighbours.
    """

    def __init__(self, key: NodeKey, clock: Clock, book: RecordBook, sessions: Sessions) -> None:
        self._key = key
        self._clock = clock
        self._book = book
        self._sessions = sessions
        self._checks: WeakKeyDictionary[Session, Budget] = WeakKeyDictionary()
        self._passing_on = Budget(MAX_PASSED_ON_AT_ONCE, MAX_PASSED_ON_A_SECOND)
        self.place: Place | None = None

    def renew(self, endpoint: Endpoint) -> Signed:
        """A new record of this node, where ``endpoint`` is now."""
        self.place = place_of(endpoint)
        now = self._clock.now()
        signed = make_record(self._key, self.place, now)
        self._book.add(signed, now)
        return signed

    async def take(self, session: Session, frame: Records) -> None:
        """Keep what is new of a peer's records and pass it on to the others. BadSignature ends it."""
        unknown = [each for each in frame.records[:MAX_RECORDS_OF_FRAME] if not self._book.has(each)]
        budget = self._checks.setdefault(session, Budget(MAX_CHECKED_AT_ONCE, MAX_CHECKED_A_SECOND))
        allowed = unknown[: budget.take(len(unknown))]
        await self._pass_on([each for each in allowed if self._is_news(each, session.peer)], session)

    async def hear(self, signed: Signed) -> bool:
        """Keep what was heard in the LAN, and pass it on; whether it was news."""
        try:
            is_news = not self._book.has(signed) and self._is_news(signed, LAN)
        except BadSignature as error:
            log.debug("forged node record", why=str(error))
            return False
        await self._pass_on([signed] if is_news else [], None)
        return is_news

    async def tell_all(self, session: Session) -> None:
        """Tell a new neighbour every record that is known."""
        known = [each.signed for each in self._book.all(self._clock.now())]
        for start in range(0, len(known), MAX_RECORDS_OF_FRAME):
            await session.send_records(Records(known[start : start + MAX_RECORDS_OF_FRAME]))

    async def spread(self, records: list[Signed], source: Session | None = None) -> None:
        """Tell the neighbours, but for the one that it comes from."""
        for session in self._sessions.all():
            if source is None or session.peer != source.peer:
                await session.send_records(Records(records))

    async def _pass_on(self, records: list[Signed], source: Session | None) -> None:
        if passed_on := records[: self._passing_on.take(len(records))]:
            await self.spread(passed_on, source)

    def _is_news(self, signed: Signed, source: str) -> bool:
        try:
            return self._book.add(signed, self._clock.now(), source) is not None
        except BadSignature:
            raise
        except ValueError as error:
            # Expired on its way, or of a later version: not the bearer's fault.
            log.debug("node record not taken", why=str(error))
            return False

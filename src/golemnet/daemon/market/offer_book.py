"""The offers that this node knows, its own and others', within bounds. No I/O, time is an argument.

Whoever hands an offer over is not trusted: the id must be the hash of the content, and the provider must
have signed it. A withdrawal, signed as well, is remembered until the offer would have expired, so that a
neighbour that has not heard of it cannot bring the offer back.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from golemnet.daemon.market.book_digest import ALL_BUCKETS, Digest, bucket_of
from golemnet.daemon.market.known_offer import KnownOffer
from golemnet.daemon.market.messages import MAX_ID, OFFER_DOCUMENT, WITHDRAWAL_DOCUMENT, Withdrawal
from golemnet.errors import GolemError
from golemnet.model.constraints import Constraint, parse
from golemnet.model.documents import Signed, opened
from golemnet.model.offer import Offer

MAX_OFFERS = 20_000
MAX_WITHDRAWALS = 20_000
MAX_OFFERS_OF_PROVIDER = 64
MAX_LIFE = timedelta(hours=25)
MAX_CLOCK_SKEW = timedelta(minutes=5)
MIN_EXPIRIES = 100
# Most offers ask for the same; longer constraints are nobody's habit.
MAX_SHARED_CONSTRAINT = 1024

T = TypeVar("T", Offer, Withdrawal)


class BadOffer(Exception):
    """An offer or withdrawal that no honest node hands on."""


class OfferBook:
    """Known offers by id, and what was withdrawn."""

    def __init__(self) -> None:
        self._offers: dict[str, KnownOffer] = {}
        self._of_provider: dict[str, OrderedDict[str, None]] = {}
        # By provider too: otherwise a stranger could withdraw an offer that we are about to hear of.
        self._withdrawn: OrderedDict[tuple[str, str], tuple[datetime, Signed]] = OrderedDict()
        self._expiries: list[tuple[datetime, str, str]] = []
        self._digest = Digest()
        self._arrived = 0
        self._sources: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._offers)

    def __iter__(self) -> Iterator[KnownOffer]:
        """The offers in the order of their arrival."""
        return iter(list(self._offers.values()))

    def get(self, offer_id: str) -> KnownOffer | None:
        """The offer, or None."""
        return self._offers.get(offer_id)

    def is_news(self, offer_id: str) -> bool:
        """Whether an offer of that id is worth fetching."""
        return offer_id not in self._offers and len(offer_id) <= MAX_ID

    @property
    def is_full(self) -> bool:
        """Whether each further offer takes the place of one."""
        return len(self._offers) >= MAX_OFFERS

    def after(self, number: int) -> Iterator[KnownOffer]:
        """The offers that arrived after the one with ``number``, in order."""
        return (known for known in list(self._offers.values()) if known.number > number)

    @property
    def digest(self) -> Digest:
        """What is known, in a few bytes."""
        return self._digest

    def page(self, after: str, size: int, buckets: Iterable[int] = ALL_BUCKETS) -> tuple[list[str], bool]:
        """The next ``size`` ids of these buckets behind ``after`` in their order; whether more follow."""
        wanted = frozenset(buckets)
        ids = (each for each in self._offers if each > after and bucket_of(each) in wanted)
        taken = heapq.nsmallest(size + 1, ids)
        return taken[:size], len(taken) > size

    def withdrawals(self, buckets: Iterable[int] = ALL_BUCKETS) -> list[Signed]:
        """The withdrawals of offers in these buckets that are still of use."""
        wanted = frozenset(buckets)
        return [document for key, (_, document) in self._withdrawn.items() if bucket_of(key[0]) in wanted]

    # -- changes -------------------------------------------------------------------------------------------

    def admit(self, document: Signed, now: datetime, source: str = "") -> KnownOffer | None:
        """Take in an offer that the neighbour ``source`` has brought; None if it is known, withdrawn or over.

        Raises:
            BadOffer: it is forged, or breaks the rules.
        """
        offer = _opened(document, OFFER_DOCUMENT, Offer)
        withdrawn = (offer.offer_id, offer.provider_id) in self._withdrawn
        if withdrawn or not self.is_news(offer.offer_id) or offer.expires <= now:
            return None
        constraint = _checked(offer, now)
        self._arrived += 1
        known = KnownOffer(
            self._arrived, offer.offer_id, offer.provider_id, offer.expires, constraint, document, source
        )
        self._add(known)
        return known

    def withdraw(self, document: Signed, now: datetime) -> tuple[bool, KnownOffer | None]:
        """Take in a withdrawal: whether it is news, and the offer that is gone by it, if it was known.

        Raises:
            BadOffer: it is forged, or not by the provider of the offer.
        """
        withdrawal = _opened(document, WITHDRAWAL_DOCUMENT, Withdrawal)
        key = (withdrawal.offer_id, withdrawal.provider_id)
        known = self._offers.get(withdrawal.offer_id)
        if known is not None and known.provider_id != withdrawal.provider_id:
            raise BadOffer("The withdrawal is not by the provider of the offer.")
        if key in self._withdrawn or withdrawal.expires <= now:
            return False, None
        expires = min(withdrawal.expires, now + MAX_LIFE)
        self._withdrawn[key] = (expires, document)
        self._digest.flip(*key)
        self._expires_at(expires, *key)
        self._trim_withdrawals()
        return True, self.remove(withdrawal.offer_id)

    def remove(self, offer_id: str) -> KnownOffer | None:
        """Forget an offer; what it was."""
        known = self._offers.pop(offer_id, None)
        if known is None:
            return None
        self._digest.flip(offer_id)
        self._sources[known.source] -= 1
        if not self._sources[known.source]:
            del self._sources[known.source]
        of_provider = self._of_provider[known.provider_id]
        del of_provider[offer_id]
        if not of_provider:
            del self._of_provider[known.provider_id]
        return known

    def expire(self, now: datetime) -> list[KnownOffer]:
        """Forget the offers and withdrawals whose time has passed; those offers."""
        gone: list[KnownOffer] = []
        while self._expiries and self._expiries[0][0] <= now:
            _, offer_id, provider_id = heapq.heappop(self._expiries)
            self._forget_withdrawal((offer_id, provider_id), now)
            known = self._offers.get(offer_id)
            if known is not None and known.expires <= now:
                self.remove(offer_id)
                gone.append(known)
        return gone

    @property
    def next_expiry(self) -> datetime | None:
        """When ``expire`` has something to do next."""
        return self._expiries[0][0] if self._expiries else None

    def _add(self, known: KnownOffer) -> None:
        of_provider = self._of_provider.setdefault(known.provider_id, OrderedDict())
        if len(of_provider) >= MAX_OFFERS_OF_PROVIDER:
            # Its newer offers replace its older ones, so a provider cannot fill our memory.
            self.remove(next(iter(of_provider)))
            of_provider = self._of_provider.setdefault(known.provider_id, OrderedDict())
        if self.is_full:
            self._make_room()
            of_provider = self._of_provider.setdefault(known.provider_id, OrderedDict())
        of_provider[known.offer_id] = None
        self._sources[known.source] += 1
        self._offers[known.offer_id] = known
        self._digest.flip(known.offer_id)
        self._expires_at(known.expires, known.offer_id, known.provider_id)

    def _make_room(self) -> None:
        """Forget the oldest of those that the most came with from one neighbour: a flood displaces itself."""
        [(busiest, _)] = self._sources.most_common(1)
        self.remove(next(each.offer_id for each in self._offers.values() if each.source == busiest))

    def _expires_at(self, moment: datetime, offer_id: str, provider_id: str) -> None:
        heapq.heappush(self._expiries, (moment, offer_id, provider_id))
        if len(self._expiries) > 2 * (len(self._offers) + len(self._withdrawn)) + MIN_EXPIRIES:
            # A provider that keeps replacing its offers must not fill our memory with what is gone.
            self._expiries = [each for each in self._expiries if self._is_kept(*each[1:])]
            heapq.heapify(self._expiries)

    def _is_kept(self, offer_id: str, provider_id: str) -> bool:
        return offer_id in self._offers or (offer_id, provider_id) in self._withdrawn

    def _forget_withdrawal(self, key: tuple[str, str], now: datetime) -> None:
        expires, _ = self._withdrawn.get(key, (None, None))
        if expires is not None and expires <= now:
            del self._withdrawn[key]
            self._digest.flip(*key)

    def _trim_withdrawals(self) -> None:
        while len(self._withdrawn) > MAX_WITHDRAWALS:
            key, _ = self._withdrawn.popitem(last=False)
            self._digest.flip(*key)


def _opened(document: Signed, kind: str, type_: type[T]) -> T:
    try:
        value, signer = opened(document, kind, type_)
    except (GolemError, ValueError) as error:
        raise BadOffer(f"The {kind} cannot be read: {error}.") from error
    if signer != value.provider_id:
        raise BadOffer(f"The {kind} is not signed by its provider.")
    return value


def _checked(offer: Offer, now: datetime) -> Constraint:
    if not offer.verify_id():
        raise BadOffer("The offer's id is not the hash of its content.")
    if offer.created > now + MAX_CLOCK_SKEW:
        raise BadOffer("The offer is from the future.")
    if offer.expires - offer.created > MAX_LIFE:
        raise BadOffer("The offer lives too long.")
    try:
        is_short = len(offer.constraints) <= MAX_SHARED_CONSTRAINT
        return _shared(offer.constraints) if is_short else parse(offer.constraints)
    except ValueError as error:
        raise BadOffer(f"The offer's constraint cannot be read: {error}.") from error


@lru_cache(maxsize=1024)
def _shared(text: str) -> Constraint:
    return parse(text)

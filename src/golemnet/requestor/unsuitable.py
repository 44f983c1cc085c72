"""Why nobody can be signed with: by what offers say, by the strategy, or because the budget is too small."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Context, Decimal

from golemnet.model.money import short_amount
from golemnet.requestor.budget import most_in
from golemnet.requestor.candidates import Candidate
from golemnet.requestor.strategies import price_per_hour
from golemnet.requestor.summary import counted
from golemnet.rest.market import MatchingReport

# A result takes a provider so long at least, and what it claims for that should be there.
BEGINNING_S = 2.0
# Offers of others, who may be cheaper, need so long to arrive.
PATIENCE = timedelta(seconds=5)
MAX_COUNTED = 10_000
_SHOWN = Context(prec=6)


class Unsuitable:
    """Those whose offers suit the demand, and who are not signed with all the same.

    Args:
        means: all that may be spent, in GLM; None for no limit.
    """

    def __init__(self, means: Decimal | None = None) -> None:
        self._means = means
        self._disliked: dict[str, Decimal] = {}
        self._beyond: dict[str, Decimal] = {}
        self._beyond_since: datetime | None = None

    def suits(self, candidate: Candidate) -> None:
        """It may have been too dear before."""
        self._disliked.pop(candidate.provider_id, None)
        self._beyond.pop(candidate.provider_id, None)

    def dislike(self, candidate: Candidate) -> None:
        """The strategy refuses it."""
        _note(self._disliked, candidate, price_per_hour(candidate.pricing, candidate.threads))

    def is_beyond_means(self, candidate: Candidate, now: datetime) -> bool:
        """Whether all that there is would not pay for its beginning; it is remembered then."""
        cost = most_in(BEGINNING_S, candidate.pricing, candidate.threads)
        if self._means is None or cost <= self._means:
            return False
        _note(self._beyond, candidate, cost)
        self._beyond_since = self._beyond_since or now
        return True

    def shortage(self, now: datetime) -> str:
        """Why the budget is too small for anybody; empty if nobody is too dear, or cheaper ones may come."""
        if not self._beyond or self._beyond_since is None or now - self._beyond_since < PATIENCE:
            return ""
        return (
            f"The first {BEGINNING_S:g} s at the cheapest of {counted(len(self._beyond), 'provider')} "
            f"cost up to {_least(self._beyond)} GLM."
        )

    def reasons(self, matched: int) -> list[str]:
        """What became of ``matched`` offers that would suit, for people."""
        lines: list[str] = []
        if self._disliked:
            lines.append(
                f"{len(self._disliked)} would suit, but the strategy refuses: too dear, or blocked; the "
                f"cheapest takes {_least(self._disliked)} GLM for an hour"
            )
        if self._beyond:
            lines.append(
                f"{len(self._beyond)} would suit, but the whole budget is less than their first "
                f"{BEGINNING_S:g} s cost: {_least(self._beyond)} GLM or more"
            )
        if (others := matched - len(self._disliked) - len(self._beyond)) > 0:
            lines.append(f"{others} would suit, but refuse, do not answer, or work for this script already")
        return lines


def reasons(report: MatchingReport, subnet: str, busy: str = "") -> list[str]:
    """Why no offer suits, for people; ``busy`` is who has none because of other work for this node."""
    if not report.offers_seen:
        return [
            busy or "no offer has reached this node; is any provider on, and `yagna net status` connected?"
        ]
    lines = [
        f"{each.constraint} refused {each.offers}"
        for each in sorted(report.refused_by_demand, key=lambda each: -each.offers)
    ]
    lines += [
        f"their own {each.constraint} refused us {counted(each.offers, 'time')}"
        for each in report.refused_by_offers
    ]
    elsewhere = {name: count for name, count in report.subnets.items() if name != subnet}
    if subnet and subnet not in report.subnets and elsewhere:
        there = ", ".join(f"{name} ({count})" for name, count in sorted(elsewhere.items())[:5])
        lines.append(f"nobody is on the subnet {subnet}; there are offers on {there}")
    return [*lines, busy] if busy else lines


def _least(known: dict[str, Decimal]) -> str:
    """The lowest of these amounts; providers state prices as binary fractions, so it is rounded."""
    return short_amount(_SHOWN.plus(min(known.values())))


def _note(known: dict[str, Decimal], candidate: Candidate, amount: Decimal) -> None:
    if len(known) < MAX_COUNTED or candidate.provider_id in known:
        known[candidate.provider_id] = amount

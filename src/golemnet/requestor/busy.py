"""Who has no offer on the market because it works for another script of this node."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from golemnet.model.names import EXPIRATION, NODE_NAME
from golemnet.model.properties import flatten
from golemnet.requestor.summary import counted
from golemnet.rest.client import Client
from golemnet.rest.market import Agreement

MAX_READ, MAX_NAMED = 20, 3
REQUESTOR, SIGNED = "Requestor", "Approved"


async def busy_elsewhere(client: Client, own: Collection[str], now: datetime) -> str:
    """Who works for this node by other agreements than ``own``, for people; empty if nobody does.

    Raises:
        ApiError, DaemonUnreachable: the daemon does not say.
    """
    known = await client.market.list_agreements(state=SIGNED)
    others = [each for each in known if each.role == REQUESTOR and each.id not in own]
    others.sort(key=lambda each: each.timestamp, reverse=True)
    found = [await client.market.get_agreement(each.id) for each in others[:MAX_READ]]
    left_s = {_name(each): left for each in found if (left := _left_s(each, now)) > 0}
    if not left_s:
        return ""
    named = [*sorted(left_s)[:MAX_NAMED], *(["..."] if len(left_s) > MAX_NAMED else [])]
    work = "works" if len(left_s) == 1 else "work"
    return (
        f"{counted(len(left_s), 'provider')} ({', '.join(named)}) {work} for other scripts of this node, "
        f"for at most {counted(round(max(left_s.values()) / 60), 'minute')} more"
    )


def _name(agreement: Agreement) -> str:
    return str(flatten(agreement.offer.properties).get(NODE_NAME) or agreement.offer.provider_id)[:60]


def _left_s(agreement: Agreement, now: datetime) -> float:
    """For how long its demand lets it go on; agreements that nobody has ended are over then, too."""
    end = flatten(agreement.demand.properties).get(EXPIRATION)
    return end / 1000 - now.timestamp() if isinstance(end, int | float) else 0.0

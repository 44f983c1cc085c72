"""What a service lacks, told now and then while not all of its instances are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from golemnet.requestor.events import Consumer, InstancesMissing
from golemnet.requestor.market import Market
from golemnet.requestor.published.service_state import ServiceState
from golemnet.requestor.summary import counted
from golemnet.sdk.instances import Instance

LOOK_S = 15.0
# It is told at the first look, and then at each so many more.
LOOKS = 4
NO_MORE = "no other provider offers what it needs now"


async def tell_what_is_missing(
    shown: str, instances: Callable[[], Sequence[Instance]], market: Market, emit: Consumer
) -> None:
    """Look again and again, until cancelled, whether all instances are ready.

    Args:
        shown: what the service is.
        instances: those that are wanted.
        market: where providers for them are looked for.
        emit: hears what is missing and why.
    """
    looks = 0
    while True:
        await asyncio.sleep(LOOK_S)
        wanted = instances()
        ready = sum(each.is_ready for each in wanted)
        if ready == len(wanted) or (not ready and await market.nobody()):
            looks = 0  # that there is nobody at all is told by the market
            continue
        if looks % LOOKS == 0:
            reasons = await _reasons(wanted, market)
            emit(InstancesMissing(data=shown, ready=ready, wanted=len(wanted), reasons=reasons))
        looks += 1


async def _reasons(wanted: Sequence[Instance], market: Market) -> list[str]:
    waiting = sum(each.state is ServiceState.pending for each in wanted)
    beginning = sum(each.state is ServiceState.starting for each in wanted)
    reasons = [f"{beginning} being started"] if beginning else []
    if not waiting:
        return reasons
    found = await market.explain()
    why = [] if found is None else found.reasons if found.offers_seen else [NO_MORE]
    return [*reasons, f"{counted(waiting, 'instance')} without a provider", *why]

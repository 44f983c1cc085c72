"""What one service of a node asks another: agreements for activities, both for payments, and so on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from golemnet.daemon.activity.agreements import AgreementView
from golemnet.daemon.activity.service import Activities
from golemnet.daemon.activity.states import State
from golemnet.daemon.activity.store import Side
from golemnet.daemon.payment.terms import ActivityFacts
from golemnet.model.node_id import NodeId
from golemnet.rest.market import Agreement

AgreementOf = Callable[[str], Awaitable[Agreement | None]]


class Permission(msgspec.Struct, frozen=True):
    """The parts of an agreement that permit an activity."""

    agreement_id: str
    requestor_id: str
    provider_id: str
    state: str
    app_session_id: str | None


def permissions(agreement_of: AgreementOf) -> Callable[[str], Awaitable[AgreementView | None]]:
    """What the activity service is told of the agreements that ``agreement_of`` knows."""

    async def permission(agreement_id: str) -> AgreementView | None:
        agreement = await agreement_of(agreement_id)
        if agreement is None:
            return None
        return Permission(
            agreement.agreement_id,
            agreement.demand.requestor_id,
            agreement.offer.provider_id,
            agreement.state,
            agreement.app_session_id,
        )

    return permission


def requestors(activities: Activities) -> Callable[[str], Awaitable[NodeId | None]]:
    """What the private networks are told of activities: the requestor of one that runs here now."""

    async def requestor_of(activity_id: str) -> NodeId | None:
        activity = await activities.get(activity_id)
        if activity is None or activity.side is not Side.PROVIDER or activity.state is State.TERMINATED:
            return None
        return NodeId(activity.requestor_id)

    return requestor_of


class NodeDeals:
    """What the payment service asks of the market and the activities of its own node."""

    def __init__(self, agreement_of: AgreementOf, activities: Activities) -> None:
        self._agreement_of = agreement_of
        self._activities = activities

    async def agreement(self, agreement_id: str) -> Agreement | None:
        """The agreement; None if this node has no part in it."""
        return await self._agreement_of(agreement_id)

    async def agreement_of(self, activity_id: str) -> str | None:
        """The id of the agreement that the activity belongs to; None if it is unknown."""
        activity = await self._activities.get(activity_id)
        return None if activity is None else activity.agreement_id

    async def activities(self, agreement_id: str) -> list[ActivityFacts]:
        """All activities that there were under the agreement."""
        return [
            ActivityFacts(activity_id=each.activity_id, started=each.created, ended=each.ended)
            for each in await self._activities.under(agreement_id)
        ]

"""A requestor and a provider that meet, by doors that check every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import aiohttp
from api_door import Door
from openapi_contract import Contract

from golemnet.testing.nodes import APP_KEY

OFFER: dict[str, Any] = {
    "properties": {
        "golem.node.debug.subnet": "test",
        "golem.runtime.name": "vm",
        "golem.com.scheme": "payu",
        "golem.com.pricing.model": "linear",
        "golem.com.pricing.model.linear.coeffs": [0.0001, 0.0001, 0.1],
        "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
    },
    "constraints": "(golem.srv.comp.expiration>0)",
}
CONSTRAINTS = "(&(golem.node.debug.subnet=test)(golem.runtime.name=vm))"


class Served(Protocol):
    """A node in this process, or a daemon as a process."""

    @property
    def api_url(self) -> str: ...


class Sides(NamedTuple):
    """Two nodes and their doors."""

    nodes: Sequence[Served]
    requestor: Door
    provider: Door
    stranger: Door

    @property
    def done(self) -> set[str]:
        """The operations that have succeeded at one of them."""
        return self.requestor.done | self.provider.done | self.stranger.done


@asynccontextmanager
async def doors(contract: Contract, nodes: Sequence[Served]) -> AsyncIterator[Sides]:
    """The sides of two nodes: the first one buys."""
    async with aiohttp.ClientSession() as session:
        requestor, provider = (Door(contract, session, node.api_url, APP_KEY) for node in nodes)
        yield Sides(nodes, requestor, provider, Door(contract, session, nodes[0].api_url, ""))


def demand(**more: Any) -> dict[str, Any]:
    """A demand that fits the offer."""
    expiration = int((datetime.now(UTC) + timedelta(minutes=30)).timestamp() * 1000)
    properties = {"golem.srv.comp.expiration": expiration, "golem.node.debug.subnet": "test", **more}
    return {"properties": properties, "constraints": CONSTRAINTS}


async def publish(sides: Sides, **more: Any) -> tuple[str, str, dict[str, Any]]:
    """Ids of an offer and of a demand, and the demand."""
    offer_id = await sides.provider("market-api:subscribeOffer", body=OFFER, expect=201)
    wanted = demand(**more)
    demand_id = await sides.requestor("market-api:subscribeDemand", body=wanted, expect=201)
    return offer_id, demand_id, wanted


async def negotiate(sides: Sides, offer_id: str, demand_id: str, wanted: dict[str, Any]) -> str:
    """The id of a proposal that both sides have answered, as the requestor knows it."""
    requestor, provider = sides.requestor, sides.provider
    [found] = await requestor("market-api:collectOffers", demand_id, timeout=10)
    first = found["proposal"]["proposalId"]
    own = await requestor("market-api:counterProposalDemand", demand_id, first, body=wanted)
    assert (await requestor("market-api:getProposalOffer", demand_id, own))["prevProposalId"] == first
    [asked] = await provider("market-api:collectDemands", offer_id, timeout=10)
    theirs = asked["proposal"]["proposalId"]
    assert (await provider("market-api:getProposalDemand", offer_id, theirs))["state"] == "Draft"
    await provider("market-api:counterProposalOffer", offer_id, theirs, body=OFFER)
    [answered] = await requestor("market-api:collectOffers", demand_id, timeout=10)
    return answered["proposal"]["proposalId"]


async def propose(sides: Sides, **more: Any) -> tuple[str, str]:
    """A confirmed agreement: its id, and the offer's."""
    offer_id, demand_id, wanted = await publish(sides, **more)
    proposal_id = await negotiate(sides, offer_id, demand_id, wanted)
    valid_to = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    body = {"proposalId": proposal_id, "validTo": valid_to}
    agreement_id = await sides.requestor("market-api:createAgreement", body=body)
    await sides.requestor("market-api:confirmAgreement", agreement_id, appSessionId="session")
    [event] = await sides.provider("market-api:collectDemands", offer_id, timeout=10)
    assert event["agreement"]["agreementId"] == agreement_id
    return agreement_id, offer_id


async def agree(sides: Sides, **more: Any) -> str:
    """An agreement that both have signed; its id."""
    agreement_id, offer_id = await propose(sides, **more)
    await sides.provider("market-api:approveAgreement", agreement_id, timeout=10, appSessionId="agent")
    assert await sides.requestor("market-api:waitForApproval", agreement_id, timeout=10) == "Approved"
    await sides.provider("market-api:unsubscribeOffer", offer_id, expect=204)
    return agreement_id

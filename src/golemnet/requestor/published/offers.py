"""Demands on the market and the proposals that come for them, as scripts of 0.13.1 see these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

from golemnet.model.names import NODE_NAME
from golemnet.model.properties import flatten
from golemnet.requestor.published.agreements import Agreement
from golemnet.rest import market as documents
from golemnet.rest.client import Client
from golemnet.rest.errors import NotFound
from golemnet.rest.market import ProposalEvent

POLL_S = 5.0


class OfferProposal:
    """A provider's proposal to our demand."""

    def __init__(self, subscription: Subscription, proposal: documents.Proposal) -> None:
        self._subscription = subscription
        self._proposal = proposal
        self.props: dict[str, Any] = dict(flatten(proposal.properties))

    @property
    def id(self) -> str:
        """Its id."""
        return self._proposal.proposal_id

    @property
    def issuer(self) -> str:
        """The provider's node id."""
        return self._proposal.issuer_id

    @property
    def is_draft(self) -> bool:
        """Whether the provider has answered our demand with it."""
        return self._proposal.state == "Draft"

    async def reject(self, reason: str = "Rejected") -> None:
        """Say that we do not want it."""
        market, demand_id = self._subscription.client.market, self._subscription.id
        await market.reject_proposal_offer(demand_id, self.id, {"message": reason})

    async def respond(self, props: Mapping[str, Any], constraints: str) -> str:
        """Answer it; the id of our proposal."""
        market, demand_id = self._subscription.client.market, self._subscription.id
        return await market.counter_proposal_demand(demand_id, self.id, dict(props), constraints)

    async def create_agreement(self, timeout: timedelta = timedelta(seconds=3600)) -> Agreement:
        """Make an agreement of it, which is not signed yet."""
        client = self._subscription.client
        agreement_id = await client.market.create_agreement(self.id, datetime.now(UTC) + timeout)
        return Agreement.of(client, await client.market.get_agreement(agreement_id))

    def __repr__(self) -> str:
        return f"<OfferProposal {self.id} from {self.props.get(NODE_NAME, self.issuer)}>"


class Subscription:
    """A demand on the market; an asynchronous context manager that takes it off again."""

    def __init__(self, client: Client, subscription_id: str) -> None:
        self.client = client
        self._id = subscription_id
        self._is_open = True

    @property
    def id(self) -> str:
        """The demand's id."""
        return self._id

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.delete()

    def close(self) -> None:
        """Wait for no more proposals."""
        self._is_open = False

    async def delete(self) -> None:
        """Take the demand off the market."""
        self._is_open = False
        try:
            await self.client.market.unsubscribe_demand(self._id)
        except NotFound:
            return  # it has expired

    async def events(self) -> AsyncIterator[OfferProposal]:
        """The proposals, as they come."""
        while self._is_open:
            for event in await self.client.market.demand_events(self._id, timeout_s=POLL_S, max_events=10):
                if isinstance(event, ProposalEvent):
                    yield OfferProposal(self, event.proposal)


class AsyncResource:
    """A subscription that is coming: await it, or use it as an asynchronous context manager."""

    def __init__(self, client: Client, properties: dict[str, Any], constraints: str) -> None:
        self._client = client
        self._demand = (properties, constraints)
        self._subscription: Subscription | None = None

    async def _subscribe(self) -> Subscription:
        return Subscription(self._client, await self._client.market.subscribe_demand(*self._demand))

    def __await__(self) -> Generator[Any, None, Subscription]:
        return self._subscribe().__await__()

    async def __aenter__(self) -> Subscription:
        self._subscription = await self._subscribe()
        return self._subscription

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None:
            await self._subscription.delete()


class Market:
    """The market as a script without an engine uses it."""

    def __init__(self, api_client: Client) -> None:
        self._client = api_client

    def subscribe(self, props: dict[str, Any], constraints: str) -> AsyncResource:
        """Put a demand on the market."""
        return AsyncResource(self._client, props, constraints)

    async def subscriptions(self) -> AsyncIterator[Subscription]:
        """The demands that are there."""
        for demand in await self._client.market.get_demands():
            yield Subscription(self._client, demand.demand_id)

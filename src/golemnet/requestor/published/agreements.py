"""An agreement and an activity as events carry them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from golemnet.model.properties import flatten
from golemnet.requestor.published.models import Model, NodeInfo
from golemnet.rest import market as documents
from golemnet.rest.activity import ActivityState, ActivityUsage
from golemnet.rest.client import Client

ModelType = TypeVar("ModelType", bound=Model)


class View:
    """One side's properties in an agreement."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.properties = dict(properties)

    def extract(self, model: type[ModelType]) -> ModelType:
        """A model of them. Raises InvalidPropertiesError if they do not fit."""
        return model.from_properties(self.properties)


class AgreementDetails:
    """What both sides have signed."""

    def __init__(self, agreement_id: str, demand: Mapping[str, Any], offer: Mapping[str, Any]) -> None:
        self.agreement_id = agreement_id
        self.requestor_view = View(demand)
        self.provider_view = View(offer)

    @property
    def provider_node_info(self) -> NodeInfo:
        """What the provider says of its node."""
        return self.provider_view.extract(NodeInfo)


class Agreement:
    """A contract with a provider.

    Args:
        client: the daemon.
        agreement_id: its id.
        provider_id: the provider's node id.
        details: what it says.
    """

    def __init__(
        self, client: Client, agreement_id: str, provider_id: str, details: AgreementDetails
    ) -> None:
        self._client = client
        self.id = agreement_id
        self.provider_id = provider_id
        self.details = details
        self.terminated = False

    @classmethod
    def of(cls, client: Client, document: documents.Agreement) -> Agreement:
        """From the document that the daemon has."""
        demand, offer = flatten(document.demand.properties), flatten(document.offer.properties)
        details = AgreementDetails(document.agreement_id, demand, offer)
        return cls(client, document.agreement_id, document.offer.provider_id, details)

    async def get_details(self) -> AgreementDetails:
        """What it says."""
        return self.details

    def get_provider_property(self, prop_key: str) -> Any:
        """One property of the offer; None if it has no such."""
        return self.details.provider_view.properties.get(prop_key)

    def get_requestor_property(self, prop_key: str) -> Any:
        """One property of the demand; None if it has no such."""
        return self.details.requestor_view.properties.get(prop_key)

    async def terminate(self, reason: dict[str, Any]) -> bool:
        """End it; the reason has a ``message``."""
        await self._client.market.terminate_agreement(self.id, reason)
        self.terminated = True
        return True

    def __repr__(self) -> str:
        return f"<Agreement {self.id}>"


class Activity:
    """A place at a provider where scripts are executed."""

    def __init__(self, client: Client, activity_id: str) -> None:
        self._client = client
        self.id = activity_id

    async def state(self) -> ActivityState:
        """Its state, as the provider's node knows it."""
        return await self._client.activity.get_state(self.id)

    async def usage(self) -> ActivityUsage:
        """What it has used."""
        return await self._client.activity.get_usage(self.id)

    async def destroy(self) -> None:
        """End it."""
        await self._client.activity.destroy_activity(self.id)

    def __repr__(self) -> str:
        return f"<Activity {self.id}>"

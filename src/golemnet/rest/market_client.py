"""Calls of the market API; names are the operation ids of its OpenAPI file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from golemnet.rest.market import (
    PREFIX,
    Agreement,
    AgreementListEntry,
    AgreementOperationEvent,
    AgreementProposal,
    Demand,
    DemandOfferBase,
    MatchingReport,
    NegotiationEvent,
    NewScan,
    Offer,
    Proposal,
)
from golemnet.rest.transport import POLL_MARGIN_S, Transport, segment

Reason = dict[str, Any]


class MarketClient:
    """Offers, demands, negotiation and agreements."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    # -- publishing ----------------------------------------------------------------------------------------

    async def subscribe_demand(self, properties: dict[str, Any], constraints: str) -> str:
        """Publish a demand; its id."""
        return await self._subscribe("demands", properties, constraints)

    async def subscribe_offer(self, properties: dict[str, Any], constraints: str) -> str:
        """Publish an offer; its id."""
        return await self._subscribe("offers", properties, constraints)

    async def unsubscribe_demand(self, demand_id: str) -> None:
        """Withdraw a demand."""
        await self._transport.call("DELETE", f"{PREFIX}/demands/{segment(demand_id)}")

    async def unsubscribe_offer(self, offer_id: str) -> None:
        """Withdraw an offer."""
        await self._transport.call("DELETE", f"{PREFIX}/offers/{segment(offer_id)}")

    async def get_demands(self) -> list[Demand]:
        """Our published demands."""
        return await self._transport.get(f"{PREFIX}/demands", list[Demand])

    async def get_offers(self) -> list[Offer]:
        """Our published offers."""
        return await self._transport.get(f"{PREFIX}/offers", list[Offer])

    async def explain_demand(self, demand_id: str) -> MatchingReport:
        """Which offers the demand was compared with, and what refused how many."""
        return await self._transport.get(f"{PREFIX}/demands/{segment(demand_id)}/matching", MatchingReport)

    # -- negotiation ---------------------------------------------------------------------------------------

    async def demand_events(
        self, demand_id: str, *, timeout_s: float = 5.0, max_events: int = 100
    ) -> list[NegotiationEvent]:
        """What happened to a demand; waits up to ``timeout_s`` for the first event."""
        return await self._events("demands", demand_id, timeout_s, max_events)

    async def offer_events(
        self, offer_id: str, *, timeout_s: float = 5.0, max_events: int = 100
    ) -> list[NegotiationEvent]:
        """What happened to an offer; waits up to ``timeout_s`` for the first event."""
        return await self._events("offers", offer_id, timeout_s, max_events)

    async def get_proposal_offer(self, demand_id: str, proposal_id: str) -> Proposal:
        """A provider's proposal to our demand."""
        return await self._transport.get(_proposal("demands", demand_id, proposal_id), Proposal)

    async def get_proposal_demand(self, offer_id: str, proposal_id: str) -> Proposal:
        """A requestor's proposal to our offer."""
        return await self._transport.get(_proposal("offers", offer_id, proposal_id), Proposal)

    async def counter_proposal_demand(
        self, demand_id: str, proposal_id: str, properties: dict[str, Any], constraints: str
    ) -> str:
        """Answer a provider's proposal; the new proposal's id."""
        return await self._counter("demands", demand_id, proposal_id, properties, constraints)

    async def counter_proposal_offer(
        self, offer_id: str, proposal_id: str, properties: dict[str, Any], constraints: str
    ) -> str:
        """Answer a requestor's proposal; the new proposal's id."""
        return await self._counter("offers", offer_id, proposal_id, properties, constraints)

    async def reject_proposal_offer(
        self, demand_id: str, proposal_id: str, reason: Reason | None = None
    ) -> None:
        """Refuse a provider's proposal; ``reason`` is ``{"message": ...}``."""
        await self._transport.call(
            "POST", _proposal("demands", demand_id, proposal_id) + "/reject", reason or {}
        )

    async def reject_proposal_demand(
        self, offer_id: str, proposal_id: str, reason: Reason | None = None
    ) -> None:
        """Refuse a requestor's proposal; ``reason`` is ``{"message": ...}``."""
        await self._transport.call(
            "POST", _proposal("offers", offer_id, proposal_id) + "/reject", reason or {}
        )

    # -- agreements ----------------------------------------------------------------------------------------

    async def create_agreement(self, proposal_id: str, valid_to: datetime) -> str:
        """Turn a provider's proposal into an agreement (not sent yet); its id."""
        body = AgreementProposal(proposal_id=proposal_id, valid_to=valid_to)
        return await self._transport.post(f"{PREFIX}/agreements", str, body)

    async def confirm_agreement(self, agreement_id: str, *, app_session_id: str | None = None) -> None:
        """Sign the agreement and send it to the provider."""
        await self._agreement(agreement_id, "confirm", query={"appSessionId": app_session_id})

    async def wait_for_approval(self, agreement_id: str, timeout_s: float = 15.0) -> None:
        """Wait until the provider has approved.

        Raises:
            RequestTimeout: no answer within ``timeout_s``.
            Gone: it was rejected, cancelled, or has expired.
        """
        await self._agreement(agreement_id, "wait", query={"timeout": timeout_s}, timeout_s=timeout_s)

    async def approve_agreement(
        self, agreement_id: str, *, app_session_id: str | None = None, timeout_s: float = 20.0
    ) -> None:
        """Sign a requestor's agreement. Raises Gone if it was withdrawn."""
        query = {"appSessionId": app_session_id, "timeout": timeout_s}
        await self._agreement(agreement_id, "approve", query=query, timeout_s=timeout_s)

    async def reject_agreement(self, agreement_id: str, reason: Reason | None = None) -> None:
        """Refuse a requestor's agreement."""
        await self._agreement(agreement_id, "reject", reason or {})

    async def cancel_agreement(self, agreement_id: str, reason: Reason | None = None) -> None:
        """Withdraw an agreement that is not approved yet."""
        await self._agreement(agreement_id, "cancel", reason or {})

    async def terminate_agreement(self, agreement_id: str, reason: Reason | None = None) -> None:
        """End an approved agreement. Raises Gone if it has ended already."""
        await self._agreement(agreement_id, "terminate", reason or {})

    async def get_agreement(self, agreement_id: str) -> Agreement:
        """An agreement of ours, as either side."""
        return await self._transport.get(f"{PREFIX}/agreements/{segment(agreement_id)}", Agreement)

    async def list_agreements(
        self, *, state: str | None = None, app_session_id: str | None = None
    ) -> list[AgreementListEntry]:
        """Our agreements, as either side; ``state`` filters."""
        query = {"state": state, "appSessionId": app_session_id}
        return await self._transport.get(f"{PREFIX}/agreements", list[AgreementListEntry], query)

    async def agreement_events(
        self,
        *,
        timeout_s: float = 5.0,
        after: datetime | None = None,
        max_events: int = 100,
        app_session_id: str | None = None,
    ) -> list[AgreementOperationEvent]:
        """What happened to our agreements since ``after``; waits up to ``timeout_s`` for the first."""
        query = {
            "timeout": timeout_s,
            "afterTimestamp": after,
            "maxEvents": max_events,
            "appSessionId": app_session_id,
        }
        return await self._transport.get(
            f"{PREFIX}/agreementEvents",
            list[AgreementOperationEvent],
            query,
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def get_termination_reason(self, agreement_id: str) -> Reason | None:
        """Why an agreement was terminated."""
        path = f"{PREFIX}/agreements/{segment(agreement_id)}/terminate/reason"
        return await self._transport.get(path, dict[str, Any] | None)  # type: ignore[arg-type]

    # -- scan ----------------------------------------------------------------------------------------------

    async def begin_scan(self, constraints: str | None = None, *, timeout_s: float | None = None) -> str:
        """Start to list the offers on the market; the scan's id."""
        body = NewScan(type="offer", constraints=constraints, timeout=timeout_s)
        return await self._transport.post(f"{PREFIX}/scan", str, body)

    async def collect_scan(
        self, scan_id: str, *, timeout_s: float = 5.0, max_events: int = 100
    ) -> list[Offer]:
        """The next offers of a scan."""
        return await self._transport.get(
            f"{PREFIX}/scan/{segment(scan_id)}/events",
            list[Offer],
            {"timeout": timeout_s, "maxEvents": max_events},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def end_scan(self, scan_id: str) -> None:
        """Close a scan."""
        await self._transport.call("DELETE", f"{PREFIX}/scan/{segment(scan_id)}/events")

    # -- shared --------------------------------------------------------------------------------------------

    async def _subscribe(self, kind: str, properties: dict[str, Any], constraints: str) -> str:
        body = DemandOfferBase(properties=properties, constraints=constraints)
        return await self._transport.post(f"{PREFIX}/{kind}", str, body)

    async def _events(
        self, kind: str, subscription_id: str, timeout_s: float, max_events: int
    ) -> list[NegotiationEvent]:
        return await self._transport.get(
            f"{PREFIX}/{kind}/{segment(subscription_id)}/events",
            list[NegotiationEvent],
            {"timeout": timeout_s, "maxEvents": max_events},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def _counter(
        self, kind: str, subscription_id: str, proposal_id: str, properties: dict[str, Any], constraints: str
    ) -> str:
        body = DemandOfferBase(properties=properties, constraints=constraints)
        return await self._transport.post(_proposal(kind, subscription_id, proposal_id), str, body)

    async def _agreement(
        self,
        agreement_id: str,
        action: str,
        body: Reason | None = None,
        query: dict[str, str | float | None] | None = None,
        timeout_s: float = 20.0,
    ) -> None:
        await self._transport.call(
            "POST",
            f"{PREFIX}/agreements/{segment(agreement_id)}/{action}",
            {} if body is None else body,
            query,
            timeout_s=timeout_s + POLL_MARGIN_S,
        )


def _proposal(kind: str, subscription_id: str, proposal_id: str) -> str:
    return f"{PREFIX}/{kind}/{segment(subscription_id)}/proposals/{segment(proposal_id)}"

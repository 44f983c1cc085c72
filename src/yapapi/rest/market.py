"""The market without an engine."""

from golemnet.requestor.published.agreements import Agreement, AgreementDetails
from golemnet.requestor.published.offers import AsyncResource, Market, OfferProposal, Subscription

__all__ = ["Agreement", "AgreementDetails", "AsyncResource", "Market", "OfferProposal", "Subscription"]

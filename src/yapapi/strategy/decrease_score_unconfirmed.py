"""Likes those less who have not signed."""

from golemnet.requestor.published.strategies import DecreaseScoreForUnconfirmedAgreement

__all__ = ["DecreaseScoreForUnconfirmedAgreement"]

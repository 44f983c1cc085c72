"""Prefers who is cheapest."""

from golemnet.requestor.published.strategies import LeastExpensiveLinearPayuMS

__all__ = ["LeastExpensiveLinearPayuMS"]

"""Private networks without an engine."""

from golemnet.requestor.published.network import Net

__all__ = ["Net"]

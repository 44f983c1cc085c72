"""Changes a part of another strategy."""

from golemnet.requestor.published.strategies import WrappingMarketStrategy

__all__ = ["WrappingMarketStrategy"]

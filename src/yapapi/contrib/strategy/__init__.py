"""More strategies."""

from golemnet.requestor.published.strategies import ProviderFilter

__all__ = ["ProviderFilter"]

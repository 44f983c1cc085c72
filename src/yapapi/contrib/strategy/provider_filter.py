"""Only providers that are allowed."""

from golemnet.requestor.published.strategies import ProviderFilter

__all__ = ["ProviderFilter"]

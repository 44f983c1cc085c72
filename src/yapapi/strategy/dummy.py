"""Takes whoever is not too dear."""

from golemnet.requestor.published.strategies import DummyMS

__all__ = ["DummyMS"]

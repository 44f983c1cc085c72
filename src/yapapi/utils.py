"""Small things that scripts use."""

from golemnet.requestor.published.summary_log import pluralize

__all__ = ["pluralize"]

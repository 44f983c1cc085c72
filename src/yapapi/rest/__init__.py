"""The daemon without an engine: ``Market(client).subscribe(...)``."""

from golemnet.requestor.published.configuration import ActivityService as Activity
from golemnet.requestor.published.configuration import Configuration, Payment
from golemnet.requestor.published.network import Net
from golemnet.requestor.published.offers import Market

__all__ = ["Activity", "Configuration", "Market", "Net", "Payment"]

"""Money without an engine."""

from golemnet.requestor.published.configuration import Payment
from golemnet.rest.payment import Allocation, DebitNote, Invoice

__all__ = ["Allocation", "DebitNote", "Invoice", "Payment"]

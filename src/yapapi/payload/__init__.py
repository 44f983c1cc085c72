"""What is to be run."""

from golemnet.requestor.published.payloads import Payload

__all__ = ["Payload"]

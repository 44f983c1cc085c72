"""Where an instance is."""

from golemnet.requestor.published.service_state import ServiceState

__all__ = ["ServiceState"]

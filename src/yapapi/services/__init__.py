"""Services: instances that live at providers."""

from golemnet.requestor.published.cluster import Cluster, ServiceType
from golemnet.requestor.published.service import Service, ServiceInstance, ServiceSerialization
from golemnet.requestor.published.service_state import ServiceState

__all__ = ["Cluster", "Service", "ServiceInstance", "ServiceSerialization", "ServiceState", "ServiceType"]

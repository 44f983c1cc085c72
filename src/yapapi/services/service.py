"""One service, and one instance of it."""

from golemnet.requestor.published.service import Service, ServiceInstance, ServiceSerialization, ServiceSignal

__all__ = ["Service", "ServiceInstance", "ServiceSerialization", "ServiceSignal"]

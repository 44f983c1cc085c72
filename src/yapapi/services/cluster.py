"""Instances of one service."""

from golemnet.requestor.published.cluster import DEFAULT_SERVICE_EXPIRATION, Cluster

__all__ = ["DEFAULT_SERVICE_EXPIRATION", "Cluster"]

"""Doors to services."""

from golemnet.requestor.published.chunks import DEFAULT_TIMEOUT, WEBSOCKET_CHUNK_LIMIT

__all__ = ["DEFAULT_TIMEOUT", "WEBSOCKET_CHUNK_LIMIT"]

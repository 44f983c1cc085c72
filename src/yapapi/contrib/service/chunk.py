"""Bytes in pieces."""

from golemnet.requestor.published.chunks import chunks

__all__ = ["chunks"]

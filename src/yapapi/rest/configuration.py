"""Connections to the daemon."""

from golemnet.requestor.published.configuration import Configuration

__all__ = ["Configuration"]

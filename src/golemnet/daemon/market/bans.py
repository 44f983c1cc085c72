"""Nodes that have handed on what no honest node hands on: ignored for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from golemnet.clock import Clock
from golemnet.model.node_id import NodeId

BAN = timedelta(seconds=300)
MAX_BANNED = 1000

log = structlog.get_logger(__name__)


class Bans:
    """Who is ignored, and until when; the oldest are forgiven when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[NodeId, datetime] = {}

    def add(self, node: NodeId, why: str) -> None:
        """Ignore ``node`` for five minutes from now."""
        log.warning("neighbour ignored for a while", node=node, why=why)
        if len(self._until) >= MAX_BANNED:
            del self._until[next(iter(self._until))]
        self._until[node] = self._clock.now() + BAN

    def has(self, node: NodeId) -> bool:
        """Whether ``node`` is ignored now."""
        until = self._until.get(node)
        if until is not None and until <= self._clock.now():
            del self._until[node]
        return node in self._until

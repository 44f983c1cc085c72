"""The sessions that are open, by node: which one to use, who came and who went."""

from __future__ import annotations

import asyncio

from golemnet.model.node_id import NodeId
from golemnet.net.session import Session

MAX_SESSIONS = 512
MAX_SESSIONS_OF_PEER = 4


class Sessions:
    """All sessions of a node.

    Two nodes that dial each other at the same time have two sessions; both serve, the newest is used.
    """

    def __init__(self) -> None:
        self._by_peer: dict[NodeId, list[Session]] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return sum(len(sessions) for sessions in self._by_peer.values())

    def add(self, session: Session) -> bool:
        """Take ``session`` in; returns whether the peer was not there before, or has been restarted.

        Sessions with an earlier run of the peer are over: they are closed.
        """
        known = self._by_peer.setdefault(session.peer, [])
        is_new = not any(each.hello.instance == session.hello.instance for each in known)
        for other in list(known):
            if other.hello.instance != session.hello.instance:
                other.close("the node was started again")
        known.append(session)
        for surplus in known[:-MAX_SESSIONS_OF_PEER]:
            surplus.close("there are newer sessions")
        self._wake()
        return is_new

    def remove(self, session: Session) -> None:
        """Forget a session that is over."""
        known = self._by_peer.get(session.peer, [])
        if session in known:
            known.remove(session)
        if not known:
            self._by_peer.pop(session.peer, None)
        self._wake()

    def best(self, node: NodeId) -> Session | None:
        """The session to use for ``node``; None if there is none."""
        known = self._by_peer.get(node, [])
        return next((each for each in reversed(known) if not each.closed.is_set()), None)

    def of_endpoint(self, endpoint_id: bytes) -> Session | None:
        """The session with this endpoint; None if there is none."""
        return next((each for each in self.all() if each.endpoint_id == endpoint_id), None)

    def all(self) -> list[Session]:
        """The best session of each peer."""
        found = (self.best(node) for node in list(self._by_peer))
        return [session for session in found if session]

    def each(self) -> list[Session]:
        """Every session, several of one peer too."""
        return [session for sessions in self._by_peer.values() for session in sessions]

    def close(self) -> None:
        """End them all."""
        for session in self.each():
            session.close("the node stops")

    def news(self) -> asyncio.Event:
        """Set when the next session comes or goes."""
        return self._changed

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

"""How much each peer may have this node do, of something that costs it."""

from __future__ import annotations

from golemnet.model.node_id import NodeId
from golemnet.net.budget import Budget

MAX_PEERS = 1024


class PeerBudgets:
    """A budget for each peer; of more peers than are kept, the earliest are forgotten.

    Args:
        at_once: the most that a budget holds.
        a_second: what is added to it.
    """

    def __init__(self, at_once: float, a_second: float) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._budgets: dict[NodeId, Budget] = {}

    def take(self, peer: NodeId, wanted: int) -> int:
        """How much of ``wanted`` the peer may have done now; it counts as done."""
        if peer not in self._budgets and len(self._budgets) >= MAX_PEERS:
            del self._budgets[next(iter(self._budgets))]
        return self._budgets.setdefault(peer, Budget(self._at_once, self._a_second)).take(wanted)

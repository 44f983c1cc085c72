"""The address by which the world outside sees this node, where an address translator (NAT) stands between.

The node that one joins by says where it sees us. Others who dial that address while we dial theirs open both
translators, so that two nodes behind such meet directly.
"""

from __future__ import annotations

from contextlib import suppress

import structlog
from iroh import Endpoint

from golemnet.net.iroh_binding import BINDING_ERRORS
from golemnet.net.records import check_address

log = structlog.get_logger(__name__)


class OutsideAddress:
    """The last one that was learnt; it is among the endpoint's addresses."""

    def __init__(self) -> None:
        self.address = ""

    async def learn(self, endpoint: Endpoint, seen_at: str) -> None:
        """Take ``seen_at`` as the endpoint's address, in place of the one before, unless it is known."""
        if not seen_at or seen_at == self.address or seen_at in endpoint.addr().direct_addresses():
            return
        with suppress(ValueError, *BINDING_ERRORS):
            check_address(seen_at)
            await endpoint.add_external_addr(seen_at)
            log.info("seen from outside", address=seen_at)
            if self.address:
                await endpoint.remove_external_addr(self.address)
            self.address = seen_at

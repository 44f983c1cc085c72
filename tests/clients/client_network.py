"""A network that the tests of one client share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from network import DemoNetwork
from settlement import settle

TRANSACTION = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True)
class ClientNetwork:
    """A network with the small image in its registry; ``balances`` are those of its beginning."""

    running: DemoNetwork
    subnet: str
    image_hash: str
    balances: dict[str, object]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of ``golem local env``."""
        return self.running.environment


async def balances(running: DemoNetwork) -> dict[str, object]:
    """What each node has on the chain."""
    return {node: line.balance for node, line in (await running.nodes()).items()}


async def check_payments(network: ClientNetwork) -> int:
    """Whoever has had an agreement was paid on the chain what was invoiced; how many these are."""
    async with network.running.requestor() as requestor:
        deals = await settle(requestor)
    after = await balances(network.running)
    for deal in deals:
        assert deal.price > 0
        assert deal.transactions
        assert all(TRANSACTION.fullmatch(transaction) for transaction in deal.transactions)
        assert after[deal.provider_id] - network.balances[deal.provider_id] == deal.price
    return len(deals)

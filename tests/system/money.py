"""What a run has moved on the chain, against what was claimed and accepted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from network import DemoNetwork
from settlement import settle

from golemnet.chain.chain_file import read_chain_file
from golemnet.chain.ethereum import Ethereum
from golemnet.model.money import from_wei
from golemnet.rest.client import Client
from golemnet.rest.payment import Invoice

SETTLED = "SETTLED"


@dataclass
class Ledger:
    """The accounts of a network's nodes, by address, as the chain itself knows them."""

    network: DemoNetwork
    before: dict[str, Decimal]

    @classmethod
    async def open(cls, network: DemoNetwork) -> Ledger:
        """Note the balances before anything is paid."""
        return cls(network, await _balances(network, list(await network.nodes())))

    async def check(self) -> list[Invoice]:
        """Wait until everything is paid: what has moved is each accepted invoice, once. The invoices."""
        async with self.network.requestor() as requestor:
            await settle(requestor)
            invoices = await requestor.payment.get_invoices()
            await _check_payments(requestor, invoices)
            payer = (await requestor.identity.me()).identity
        justified = Counter[str]()
        for invoice in _settled(invoices):
            justified[invoice.issuer_id] += invoice.amount
            justified[payer] -= invoice.amount
        after = await _balances(self.network, list(self.before))
        assert {node: after[node] - self.before[node] for node in after} == {
            node: justified[node] for node in self.before
        }
        return invoices


async def _check_payments(requestor: Client, invoices: list[Invoice]) -> None:
    paid = Counter[str]()
    for payment in await requestor.payment.get_payments():
        for part in payment.agreement_payments:
            paid[part.agreement_id] += part.amount
    assert paid == {each.agreement_id: each.amount for each in _settled(invoices) if each.amount}


def _settled(invoices: list[Invoice]) -> list[Invoice]:
    return [invoice for invoice in invoices if invoice.status == SETTLED]


async def _balances(network: DemoNetwork, nodes: list[str]) -> dict[str, Decimal]:
    chain = Ethereum(read_chain_file(network.layout.chain_file))
    try:
        return {node: from_wei(await chain.token_balance(node)) for node in nodes}
    finally:
        await chain.close()

"""What payments cost: ``python benchmarks/payments.py``.

An embedded chain, a requestor's payment service and a provider's on a network in memory, each with SQLite.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from promises import at_most, finish

from golemnet.chain.batch import BatchPayer, Payout
from golemnet.chain.ethereum import Ethereum
from golemnet.chain.faucet import give
from golemnet.chain.rpc import JsonRpc
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionsInMemory
from golemnet.model.keys import NodeKey
from golemnet.testing.anvil_chain import AnvilChain

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "daemon"))

PAYEES = 1000
INVOICES = 1000
AT_ONCE = 8
TIMEOUT_S = 300.0
COST = """
import time
from pathlib import Path

def measured():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return time.process_time(), pages * 4096 / 1e6

import golemnet.daemon.activity.service, golemnet.daemon.market.service, golemnet.daemon.server
before = measured()
import golemnet.daemon.payment.service, golemnet.daemon.routes.payment
from golemnet.chain.transaction import _signer
loaded = measured()
_signer()
signing = measured()
print(loaded[0] - before[0], signing[0] - before[0], signing[1] - before[1])
"""
PROMISES = {
    "a node loads its payments in": at_most(0.5, "s"),
    "the same, with the first transaction that it signs": at_most(1.0, "s"),
    "memory of both": at_most(60.0, "MB"),
    "chain ready": at_most(2.0, "s"),
    "memory of the chain after all this": at_most(200.0, "MB"),
    f"gas for each of {PAYEES:,} payees in one transaction": at_most(30_000.0, "gas"),
    "the same, of the gas of a block": at_most(100.0, "%"),
    f"{INVOICES:,} invoices issued, accepted, paid and settled": at_most(60.0, "s"),
}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(measure(Path(directory)))
    finish(PROMISES, dict(zip(PROMISES, figures, strict=True)))


async def measure(directory: Path) -> list[float]:
    """The figures, in the order of the promises."""
    cost = start_up_cost()
    started = time.perf_counter()
    async with AnvilChain(directory / "chain") as chain:
        ready_s = time.perf_counter() - started
        gas, limit = await big_batch(chain)
        settled_s = await many_invoices(chain, directory)
        return [*cost, ready_s, memory_mb(), gas / PAYEES, 100 * gas / limit, settled_s]


def start_up_cost() -> list[float]:
    """What the payment service adds to a node: seconds, seconds with a first signature, and megabytes."""
    command = [sys.executable, "-c", COST]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(each) for each in shown.split()]


async def big_batch(chain: AnvilChain) -> tuple[int, int]:
    """The gas of one transaction that pays new accounts, and that of a block."""
    key, ethereum, rpc = NodeKey.generate(), Ethereum(chain.file), JsonRpc(chain.file.rpc_url)
    address = str(key.node_id)
    await give(ethereum, address)
    sender = TransactionSender(ethereum, address, key.to_bytes, TransactionsInMemory())
    payouts = [Payout(f"0x{2**159 + number:040x}", 10**15) for number in range(PAYEES)]
    receipt = await BatchPayer(ethereum, sender).pay("big", payouts, TIMEOUT_S)
    used = (await rpc.call("eth_getTransactionReceipt", receipt.hash))["gasUsed"]
    limit = (await rpc.call("eth_getBlockByNumber", "latest", False))["gasLimit"]
    assert len(receipt.transfers) == PAYEES
    await asyncio.gather(ethereum.close(), rpc.close())
    return int(used, 16), int(limit, 16)


async def many_invoices(chain: AnvilChain, directory: Path) -> float:
    """The seconds from the first invoice to the last one that both nodes call settled."""
    from payment.conftest import Side, World

    from golemnet.daemon.payment.paying import GATHER_S
    from golemnet.daemon.payment.store import INVOICE
    from golemnet.net.memory import MemoryNetwork
    from golemnet.rest.payment import InitAccount

    world, network = World(), MemoryNetwork(1)
    requestor, provider = (Side(world, network, directory, chain.path) for _ in range(2))
    for number in range(INVOICES):
        world.agree(requestor.id, provider.id, agreement_id=f"{number}", activities=(f"a{number}",))
    gate = asyncio.Semaphore(AT_ONCE)

    async def deal(number: int) -> None:
        async with gate:
            invoice = await provider.new_invoice(
                "0.01", agreement_id=f"{number}", activity_ids=(f"a{number}",)
            )
            await provider.payments.issued.send(INVOICE, invoice.id, TIMEOUT_S)
            await requestor.accept(invoice, allocation)

    async with requestor.running(), provider.running():
        requestor.payments._paying._gather_s = GATHER_S
        await requestor.payments.init(InitAccount())
        allocation = await requestor.allocate(100)
        started = time.perf_counter()
        await asyncio.gather(*map(deal, range(INVOICES)))
        for side in (requestor, provider):
            for invoice in await side.payments.claims(INVOICE, None, None):
                await side.until(invoice, "SETTLED", TIMEOUT_S)
        assert await provider.balance() == INVOICES // 100
        return time.perf_counter() - started


def memory_mb() -> float:
    """The memory of the chain's process, a child of this one."""
    return sum(child.memory_info().rss for child in psutil.Process().children()) / 1e6


if __name__ == "__main__":
    main()

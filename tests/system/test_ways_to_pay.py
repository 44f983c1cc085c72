"""Whole jobs that are paid otherwise than by transfers of the requestor: by vouchers, and from a deposit."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from network import DemoNetwork, demo_network
from settlement import settle

from golemnet.chain.chain_file import read_chain_file
from golemnet.chain.contract import Contract
from golemnet.chain.ethereum import Ethereum
from golemnet.image.recipe import Kept
from golemnet.model.money import from_wei
from golemnet.rest.client import Client
from golemnet.rest.payment import AccountStatus, Finding, LedgerEntry, Payment

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]
PROVIDERS, SUBNET, MOST_JOBS = 2, "vouchers", 5
VOUCHERS = "voucher-local-tglm"
PROGRAMS = Path(sys.executable).parent
STEP_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net() -> AsyncIterator[DemoNetwork]:
    """As ``golem local up --driver voucher`` starts it."""
    async with demo_network(PROVIDERS, SUBNET, "voucher") as running:
        yield running


async def printed(net: DemoNetwork, program: str, *arguments: str) -> str:
    """What a program says that has to succeed."""
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / program,
        *arguments,
        env={**os.environ, **net.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), STEP_S)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def yagna_payment(net: DemoNetwork, node: str, *command: str) -> Any:
    """What ``yagna payment`` says at a node, in the shell of the network."""
    directory = str(net.layout.node(node))
    return json.loads(await printed(net, "yagna", "-d", directory, "payment", *command, "--json"))


@dataclass
class Books:
    """What a node has, what it has noted, and what does not fit."""

    status: AccountStatus
    ledger: list[LedgerEntry]
    findings: list[Finding]

    @classmethod
    async def of(cls, net: DemoNetwork, node: str) -> Books:
        """Those of a node at this moment."""
        async with Client.local(net.layout.node(node) / "yagna.sock") as client:
            [status] = await client.payment.status(platform=VOUCHERS)
            return cls(status, await client.payment.ledger(), await client.payment.verify())

    def kinds(self) -> set[str]:
        """The kinds of what does not fit; notes are harmless."""
        return {each.kind for each in self.findings}

    def sum(self, document: str) -> Decimal:
        """What entries of a kind have moved."""
        return sum((each.amount for each in self.ledger if each.document == document), Decimal(0))


async def seen_on_chain(net: DemoNetwork) -> tuple[list[tuple[str, Decimal]], int, int]:
    """Redemptions (payee and amount), how many deposits there were, and how many transfers by batch."""
    chain = Ethereum(read_chain_file(net.layout.chain_file))
    vouchers, batches = Contract.load("vouchers"), Contract.load("multi_transfer")
    try:
        assert chain.file.vouchers is not None
        logs = await chain.logs(chain.file.vouchers, [vouchers.topic("Redeemed")])
        events = [vouchers.event("Redeemed", each.topics, each.data) for each in logs]
        deposits = await chain.logs(chain.file.vouchers, [vouchers.topic("BatchDeposited")])
        paid = await chain.logs(chain.file.multi_transfer, [batches.topic("BatchPaid")])
    finally:
        await chain.close()
    redeemed = [(each["payee"].lower(), from_wei(each["amount"])) for each in events if each]
    return redeemed, len(deposits), len(paid)


async def test_jobs_are_paid_by_vouchers_that_each_payee_redeems_once(net: DemoNetwork, image: Kept):
    package = await net.publish(image.image, "small")
    payments = await paid_for_jobs(net, package)
    paid = totals(payments)
    assert {each.payment_platform for each in payments} == {VOUCHERS}

    redeemed, deposits, batches = await seen_on_chain(net)
    assert (redeemed, batches) == ([], 0)
    assert deposits < len(payments)
    for number in range(1, PROVIDERS + 1):
        await check_provider(net, f"provider-{number}", paid)
    redeemed, *_ = await seen_on_chain(net)
    assert sorted(redeemed) == sorted(paid.items())

    own = await Books.of(net, "requestor")
    assert (
        own.kinds() == {each["kind"] for each in await yagna_payment(net, "requestor", "verify")} == {"note"}
    )
    assert own.status.outgoing_confirmed == own.sum("payment") == sum(paid.values())
    assert own.status.set_aside == own.sum("deposit") - sum(paid.values())
    assert own.status.amount == 1000 - own.sum("deposit")
    shown = await yagna_payment(net, "requestor", "status")
    assert (shown["driver"], Decimal(shown["vouchers"]["setAside"])) == ("voucher", own.status.set_aside)


async def paid_for_jobs(net: DemoNetwork, package: str) -> list[Payment]:
    """The payments for some jobs, until each provider was paid and one of them twice."""
    job = ("map", "-i", package, "-w", str(PROVIDERS), "--unordered", "sleep 0.5; echo {}")
    payments: list[Payment] = []
    async with net.requestor() as requestor:
        for _ in range(MOST_JOBS):
            done = await printed(net, "golem", *job, "1", "2", "3", "4")
            assert sorted(done.split()) == ["1", "2", "3", "4"]
            await settle(requestor)
            payments = await requestor.payment.get_payments()
            if len(payments) > len(totals(payments)) == PROVIDERS:
                return payments
    raise AssertionError(f"so many payments to so few providers: {payments}")


async def check_provider(net: DemoNetwork, node: str, paid: Counter[str]) -> None:
    """It has what it was paid as a voucher, then as tokens, and its books say so."""
    before = await Books.of(net, node)
    mine = paid[before.status.address]
    assert (before.status.unredeemed, before.status.amount) == (mine, 1000)
    assert [each.amount for each in before.findings if each.kind == "open"] == [mine]

    redeemed = await yagna_payment(net, node, "redeem")
    assert Decimal(redeemed["redeemed"]) == mine
    after = await Books.of(net, node)
    assert (after.status.unredeemed, after.status.amount) == (0, 1000 + mine)
    assert after.kinds() == {"note"}
    [redemption] = [each for each in after.ledger if each.document == "redemption"]
    assert redemption.amount == mine
    assert redemption.transaction is not None


def totals(payments: list[Payment]) -> Counter[str]:
    """What each payee got in all."""
    found = Counter[str]()
    for payment in payments:
        found[payment.payee_addr] += payment.amount
    return found


async def test_job_is_paid_from_a_deposit_that_somebody_else_has_funded(net: DemoNetwork, image: Kept):
    """A provider's node is the third party; the requestor's account only gets the fee."""
    package, funder = await net.publish(image.image, "small"), "provider-1"
    before = {node: (await Books.of(net, node)).status for node in ("requestor", funder)}
    terms = ("--spender", before["requestor"].address, "--amount", "1", "--fee", "0.25", "--for", "2h")
    made = await yagna_payment(net, funder, "deposit", "create", *terms)

    job = ("map", "-i", package, "-b", "1", "--driver", "erc20", "--deposit", made["id"], "echo {}", "1")
    assert await printed(net, "golem", *job) == "1\n"
    async with net.requestor() as requestor:
        async with asyncio.timeout(STEP_S):
            while (await requestor.deposits.get(made["id"])).state != "closed":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        cost = sum(
            each.amount
            for each in await requestor.payment.get_payments()
            if each.payment_platform != VOUCHERS
        )
    after = {node: await Books.of(net, node) for node in before}
    earned = after[funder].status.incoming_confirmed - before[funder].incoming_confirmed
    assert cost > 0
    assert after["requestor"].status.amount == before["requestor"].amount + Decimal("0.25")
    assert after[funder].status.amount == before[funder].amount - Decimal("0.25") - cost + earned
    assert (after[funder].sum("funding"), after[funder].sum("refund")) == (Decimal("1.25"), 1 - cost)
    assert all("mismatch" not in each.kinds() for each in after.values())

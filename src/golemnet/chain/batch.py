"""Pays many receivers in one transaction, each batch once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from golemnet.chain.contract import Contract
from golemnet.chain.ethereum import Ethereum, Receipt
from golemnet.chain.mined import mined
from golemnet.chain.sender import TransactionSender
from golemnet.model.keys import keccak256

_UNLIMITED = 2**256 - 1


class Payout(msgspec.Struct, frozen=True):
    """``amount`` wei of the token for the address ``receiver``."""

    receiver: str
    amount: int


class BatchPayer:
    """Pays from the account of ``sender``; one batch at a time."""

    def __init__(self, chain: Ethereum, sender: TransactionSender) -> None:
        self._chain = chain
        self._sender = sender
        self._multi_transfer = Contract.load("multi_transfer")
        self._lock = asyncio.Lock()

    async def pay(self, batch_id: str, payouts: Sequence[Payout], timeout_s: float) -> Receipt:
        """Pay ``payouts`` unless the batch is paid; the receipt of the transaction that did it.

        The contract remembers the batch by its id, so calling this again after any failure is safe.

        Raises:
            WouldRevert: the contract would refuse it: most often there are not enough tokens.
            ChainError: it is unknown whether the batch is paid; call again.
        """
        async with self._lock:
            batch = keccak256(batch_id.encode())
            paid_by = await self._chain.batch_transaction(self._sender.address, batch)
            if paid_by is not None:
                return await mined(self._chain, paid_by, timeout_s, self._chain.file.confirmations)
            total = sum(each.amount for each in payouts)
            await approve(self._chain, self._sender, self._chain.file.multi_transfer, total, timeout_s)
            await self._sender.send(batch_id, self._chain.file.multi_transfer, self._data(batch, payouts))
            return await self._sender.wait(batch_id, timeout_s)

    def _data(self, batch: bytes, payouts: Sequence[Payout]) -> bytes:
        receivers = [each.receiver for each in payouts]
        return self._multi_transfer.call("payOnce", batch, receivers, [each.amount for each in payouts])


async def approve(
    chain: Ethereum, sender: TransactionSender, spender: str, amount: int, timeout_s: float
) -> None:
    """Let the contract ``spender`` move ``amount`` wei of the sender's tokens, and any more later on."""
    if await chain.allowance(sender.address, spender) >= amount:
        return
    intent = "approve" if spender == chain.file.multi_transfer else f"approve {spender}"
    data = Contract.load("token").call("approve", spender, _UNLIMITED)
    await sender.send(intent, chain.file.token, data)
    await sender.wait(intent, timeout_s)

"""Deposits that others fund: what a spender may pay from one, once for each batch, and how it is closed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from golemnet.chain.batch import Payout, approve
from golemnet.chain.contract import Contract
from golemnet.chain.errors import NoChain
from golemnet.chain.ethereum import Ethereum, Receipt
from golemnet.chain.mined import mined
from golemnet.chain.sender import TransactionSender
from golemnet.model.keys import keccak256

FEE_UNITS = 10_000
_AMOUNT_BITS = 96


class Deposit(msgspec.Struct, frozen=True):
    """A deposit as the chain knows it: ``amount`` wei are left; ``valid_to`` is in Unix seconds."""

    spender: str
    amount: int
    fee: int
    valid_to: int


class DepositContract:
    """The contract as the account of ``sender`` uses it. Every method may raise ``ChainError``."""

    def __init__(self, chain: Ethereum, sender: TransactionSender) -> None:
        self._chain = chain
        self._sender = sender
        self._contract = Contract.load("deposits")

    @property
    def address(self) -> str:
        """Where it is. Raises ``NoChain`` if this chain has none."""
        if self._chain.file.deposits is None:
            raise NoChain(f"The chain at {self._chain.file.rpc_url} has no contract for deposits.")
        return self._chain.file.deposits.lower()

    async def get(self, deposit_id: int) -> Deposit:
        """The deposit; one that is closed, or never was, has the zero address as spender."""
        return Deposit(*await self._chain.ask(self.address, self._contract, "getDeposit", deposit_id))

    async def create(
        self, nonce: int, spender: str, amount: int, fee: int, valid_to: int, timeout_s: float
    ) -> int:
        """Set tokens of this account aside for ``spender``; the id of the deposit."""
        await approve(self._chain, self._sender, self.address, amount + fee, timeout_s)
        data = self._contract.call("createDeposit", nonce, spender, amount, fee, 0, valid_to)
        await self._send(f"create deposit {nonce}", data, timeout_s)
        return deposit_id(self._sender.address, nonce)

    async def pay_once(
        self, deposit: int, batch_id: str, payouts: Sequence[Payout], timeout_s: float
    ) -> Receipt:
        """Pay a batch from a deposit, once, however often this is called."""
        batch = keccak256(batch_id.encode())
        topics = [self._contract.topic("DepositBatch"), deposit.to_bytes(32, "big"), batch]
        paid_by = await self._chain.transaction_with(self.address, topics)
        if paid_by is not None:
            return await mined(self._chain, paid_by, timeout_s, self._chain.file.confirmations)
        payments = [_packed(each) for each in payouts]
        data = self._contract.call("depositTransferOnce", deposit, batch, payments)
        return await self._send(batch_id, data, timeout_s)

    async def close(self, deposit: int, timeout_s: float) -> None:
        """Give the rest back to the funder; nothing if the deposit is closed or not this account's."""
        if (await self.get(deposit)).spender == self._sender.address:
            data = self._contract.call("closeDeposit", deposit)
            await self._send(f"close deposit {deposit:x}", data, timeout_s)

    async def _send(self, intent: str, data: bytes, timeout_s: float) -> Receipt:
        await self._sender.send(intent, self.address, data)
        return await self._sender.wait(intent, timeout_s)


def deposit_id(funder: str, nonce: int) -> int:
    """The id of the deposit number ``nonce`` of ``funder``."""
    return int(funder, 16) << _AMOUNT_BITS | nonce


def _packed(payout: Payout) -> bytes:
    return (int(payout.receiver, 16) << _AMOUNT_BITS | payout.amount).to_bytes(32, "big")

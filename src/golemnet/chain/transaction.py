"""A transaction that is stored before it is sent, and where such are stored."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import msgspec

from golemnet.chain.ethereum import Fees

SENT = "sent"
CONFIRMED = "confirmed"
REVERTED = "reverted"


class Call(msgspec.Struct, frozen=True):
    """What a transaction does: ``data`` for the contract at ``to``, with at most ``gas`` units."""

    to: str
    data: bytes
    gas: int


class StoredTransaction(msgspec.Struct, frozen=True):
    """A signed transaction.

    ``intent`` names what it is for, once for each chain (by the hash of its first block) and sender;
    ``raw`` can be sent again at any time: the chain takes it once. ``max_fee`` and ``tip`` are wei for a unit
    of gas. ``earlier`` are the hashes that it had before it was signed anew: the chain may have kept one.
    """

    chain: str
    sender: str
    intent: str
    nonce: int
    to: str
    data: bytes
    gas: int
    hash: str
    raw: bytes
    max_fee: int
    tip: int
    state: str = SENT
    earlier: tuple[str, ...] = ()

    @property
    def hashes(self) -> tuple[str, ...]:
        """All that it ever had, the newest first."""
        return (self.hash, *reversed(self.earlier))


class TransactionStore(Protocol):
    """Where a sender keeps its transactions; each method is one durable step."""

    async def find(self, chain: str, sender: str, intent: str) -> StoredTransaction | None:
        """The transaction for ``intent``; None if there is none."""
        ...

    async def put(self, transaction: StoredTransaction) -> None:
        """Keep ``transaction`` in place of an earlier one for its intent."""
        ...

    async def newest(self, chain: str, sender: str, limit: int) -> list[StoredTransaction]:
        """The last ``limit`` transactions by nonce, the highest first."""
        ...


class TransactionsInMemory:
    """A store for senders that need not survive their process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], StoredTransaction] = {}

    async def find(self, chain: str, sender: str, intent: str) -> StoredTransaction | None:
        """The transaction for ``intent``; None if there is none."""
        return self._kept.get((chain, sender, intent))

    async def put(self, transaction: StoredTransaction) -> None:
        """Keep ``transaction`` in place of an earlier one for its intent."""
        self._kept[transaction.chain, transaction.sender, transaction.intent] = transaction

    async def newest(self, chain: str, sender: str, limit: int) -> list[StoredTransaction]:
        """The last ``limit`` transactions by nonce, the highest first."""
        mine = [each for each in self._kept.values() if (each.chain, each.sender) == (chain, sender)]
        return sorted(mine, key=lambda each: each.nonce, reverse=True)[:limit]


def raised(fees: Fees, old: StoredTransaction) -> Fees:
    """Fees with which a transaction replaces ``old`` in a pool: nodes ask for a tenth more of both."""
    most = max(fees.most, old.max_fee * 9 // 8 + 1)
    return Fees(base=fees.base, most=most, tip=min(max(fees.tip, old.tip * 9 // 8 + 1), most))


def sign_call(call: Call, *, key: bytes, chain_id: int, nonce: int, fees: Fees) -> tuple[str, bytes]:
    """The hash and the raw bytes of an EIP-1559 transaction that makes ``call``."""
    signed = _signer().sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "to": bytes.fromhex(call.to[2:]),
            "value": 0,
            "data": call.data,
            "gas": call.gas,
            "maxFeePerGas": fees.most,
            "maxPriorityFeePerGas": fees.tip,
        },
        key,
    )
    return "0x" + bytes(signed.hash).hex(), bytes(signed.raw_transaction)


def _signer() -> Any:
    """The library's signer, with Python's limit of recursion as it was.

    Loading it sets the limit to 100,000, and then JSON that is nested half as deeply, from any program or
    node, overflows the stack and kills the process.
    """
    limit = sys.getrecursionlimit()
    from eth_account import Account

    sys.setrecursionlimit(limit)
    return Account

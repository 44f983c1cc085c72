"""Waits for a transaction that somebody else has signed."""

from __future__ import annotations

import asyncio

from golemnet.chain.errors import NotConfirmed
from golemnet.chain.ethereum import Ethereum, Receipt

FIRST_POLL_S = 0.02
LONGEST_POLL_S = 2.0


async def mined(chain: Ethereum, hash_: str, timeout_s: float, confirmations: int = 1) -> Receipt:
    """The receipt of transaction ``hash_`` once it has ``confirmations``.

    Raises:
        NotConfirmed: not within ``timeout_s``.
        ChainError: the chain cannot be asked.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _poll(chain, hash_, confirmations)
    except TimeoutError:
        raise NotConfirmed(f"Transaction {hash_} is not confirmed after {timeout_s:g} s.") from None


async def _poll(chain: Ethereum, hash_: str, confirmations: int) -> Receipt:
    delay = FIRST_POLL_S
    while True:
        receipt = await chain.receipt(hash_)
        if receipt is not None and receipt.confirmations >= confirmations:
            return receipt
        await asyncio.sleep(delay)
        delay = min(delay * 2, LONGEST_POLL_S)

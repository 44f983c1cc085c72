"""Money for nothing, on chains where it is worth nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random

from golemnet.chain.chain_file import FaucetAccount
from golemnet.chain.contract import Contract
from golemnet.chain.errors import ChainError, NoChain, NonceTaken
from golemnet.chain.ethereum import Ethereum, Receipt
from golemnet.chain.mined import mined

GIVE_TIMEOUT_S = 30.0
ATTEMPTS = 200
LONGEST_PAUSE_S = 0.1


async def give(chain: Ethereum, receiver: str) -> Receipt:
    """Have the chain's faucet give tokens and gas to ``receiver``, in one transaction that is mined.

    Raises:
        NoChain: this chain has no faucet.
        ChainError: it has, and it does not work.
    """
    faucet = chain.file.faucet
    if faucet is None:
        raise NoChain(
            f"The chain at {chain.file.rpc_url} has no faucet.",
            next_step=f"Send tokens and gas to {receiver} yourself.",
        )
    data = Contract.load("token").call("give", receiver)
    hash_ = await _sent(chain, faucet, data)
    receipt = await mined(chain, hash_, GIVE_TIMEOUT_S)
    if not receipt.succeeded:
        raise ChainError(f"The faucet's transaction {hash_} has failed.")
    return receipt


async def _sent(chain: Ethereum, faucet: FaucetAccount, data: bytes) -> str:
    """The hash of the faucet's transaction, numbered by us: its node, when many ask at once, leaves gaps."""
    for _ in range(ATTEMPTS):
        nonce = await chain.nonce(faucet.address)
        with contextlib.suppress(NonceTaken):
            return await chain.send_unlocked(
                faucet.address, chain.file.token, data, value=faucet.gas_wei, nonce=nonce
            )
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_S))
    raise ChainError(f"The faucet of the chain at {chain.file.rpc_url} is too busy.", next_step="Try again.")

"""Puts the contracts on a new chain, at addresses that follow from the deployer and its first nonces."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from golemnet.chain.chain_file import MOST_PAYMENTS
from golemnet.chain.contract import Contract
from golemnet.chain.errors import ChainError, RpcRefused
from golemnet.chain.rpc import JsonRpc
from golemnet.model.keys import keccak256

DEPLOY_TIMEOUT_S = 10.0
NOTICE_S = 24 * 3600
_POLL_S = 0.02


class Deployed(msgspec.Struct, frozen=True):
    """Where the contracts are and who has put them there."""

    deployer: str
    token: str
    multi_transfer: str
    most_payments: int
    vouchers: str
    deposits: str


async def deploy(rpc: JsonRpc) -> Deployed:
    """Deploy what is not there yet, from the accounts that the node signs for.

    The second one is for contracts that came later: on an older chain the first, the faucet, is far ahead.

    Raises:
        ChainError: an account has done something else before.
    """
    deployer, second = await rpc.call("eth_accounts")
    token = await _ensure(rpc, deployer, 0, Contract.load("token").deployment())
    multi_transfer = await _ensure(rpc, deployer, 1, Contract.load("multi_transfer").deployment(token))
    most = await _most_payments(rpc, multi_transfer)
    data = Contract.load("vouchers").deployment(token, NOTICE_S)
    if await rpc.call("eth_getBalance", second, "latest") == "0x0":
        await rpc.call("anvil_setBalance", second, hex(10**18))
    vouchers = await _ensure(rpc, second, 0, data)
    deposits = await _ensure(rpc, second, 1, Contract.load("deposits").deployment(token))
    return Deployed(deployer, token, multi_transfer, most, vouchers, deposits)


async def _most_payments(rpc: JsonRpc, multi_transfer: str) -> int:
    """How many payments the contract takes; one of an older chain does not say it."""
    contract = Contract.load("multi_transfer")
    call = {"to": multi_transfer, "data": "0x" + contract.call("MAX_PAYMENTS").hex()}
    try:
        answer = await rpc.call("eth_call", call, "latest")
    except RpcRefused:
        return MOST_PAYMENTS
    return contract.result("MAX_PAYMENTS", bytes.fromhex(answer[2:]))


async def _ensure(rpc: JsonRpc, deployer: str, nonce: int, data: bytes) -> str:
    address = created_address(deployer, nonce)
    if await rpc.call("eth_getCode", address, "latest") != "0x":
        return address
    sent = {"from": deployer, "nonce": hex(nonce), "data": "0x" + data.hex()}
    receipt = await _receipt(rpc, await rpc.call("eth_sendTransaction", sent))
    if receipt["status"] != "0x1" or receipt["contractAddress"] != address:
        raise ChainError(f"The contract for {address} could not be put on the chain {rpc.url}.")
    return address


async def _receipt(rpc: JsonRpc, hash_: str) -> dict[str, Any]:
    async with asyncio.timeout(DEPLOY_TIMEOUT_S):
        while True:
            if (receipt := await rpc.call("eth_getTransactionReceipt", hash_)) is not None:
                return receipt
            await asyncio.sleep(_POLL_S)


def created_address(deployer: str, nonce: int) -> str:
    """The address of the contract that ``deployer`` creates by its transaction number ``nonce`` (< 128)."""
    # RLP of [20 bytes, small integer]: a list of 22 bytes.
    body = b"\xd6\x94" + bytes.fromhex(deployer[2:]) + (bytes([nonce]) if nonce else b"\x80")
    return "0x" + keccak256(body)[12:].hex()

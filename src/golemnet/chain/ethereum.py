"""A chain as this program sees it: balances, blocks, receipts, and the token's transfers in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from golemnet.chain.chain_file import ChainFile
from golemnet.chain.contract import Contract
from golemnet.chain.endpoints import Endpoints
from golemnet.chain.errors import AlreadyKnown, ChainError, GasTooDear

LEAST_TIP_WEI = 10**9


class TokenTransfer(msgspec.Struct, frozen=True):
    """A movement of tokens that a transaction made; addresses in lower case, amount in wei."""

    sender: str
    receiver: str
    amount: int


class Receipt(msgspec.Struct, frozen=True):
    """A mined transaction; ``confirmations`` counts its own block."""

    hash: str
    block_number: int
    block_hash: str
    confirmations: int
    succeeded: bool
    transfers: tuple[TokenTransfer, ...] = ()


class Log(msgspec.Struct, frozen=True):
    """What a contract has logged in a transaction."""

    transaction_hash: str
    topics: tuple[bytes, ...]
    data: bytes


class Fees(msgspec.Struct, frozen=True):
    """EIP-1559 fees in wei for each unit of gas; ``base`` is that of the newest block."""

    base: int
    most: int
    tip: int


class Ethereum:
    """Reads one chain and hands signed transactions to it. Every method may raise ``ChainError``."""

    def __init__(self, chain: ChainFile) -> None:
        self.file = chain
        self._rpc = Endpoints(chain.endpoints, chain.chain_id)
        self._token = Contract.load("token")
        self._multi_transfer = Contract.load("multi_transfer")
        self._deposits = Contract.load("deposits")
        self._genesis: str | None = None

    async def close(self) -> None:
        """Let the connections go."""
        await self._rpc.close()

    async def check(self) -> None:
        """Raise ``ChainError`` unless the chain answers, is the one of the file and has the token."""
        if not await self.has_code(self.file.token):
            raise ChainError(f"The chain at {self.file.rpc_url} has no token at {self.file.token}.")

    async def genesis(self) -> str:
        """The hash of the first block: two chains with one number and another history differ in it.

        It is asked of the second block: an anvil that was started again has a first one of its own beside.
        """
        if self._genesis is None:
            if (second := await self._rpc.call("eth_getBlockByNumber", "0x1", False)) is None:
                first = await self._rpc.call("eth_getBlockByNumber", "0x0", False)
                return str(first["hash"])
            self._genesis = str(second["parentHash"])
        return self._genesis

    async def block_number(self) -> int:
        """The number of the newest block."""
        return int(await self._rpc.call("eth_blockNumber"), 16)

    async def block_time(self) -> int:
        """When the newest block was made, in Unix seconds."""
        block = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["timestamp"], 16)

    async def has_code(self, address: str) -> bool:
        """Whether a contract lives at ``address``."""
        return (await self._rpc.call("eth_getCode", address, "latest")) != "0x"

    async def gas_balance(self, address: str) -> int:
        """The coins that pay for gas, in wei."""
        return int(await self._rpc.call("eth_getBalance", address, "latest"), 16)

    async def token_balance(self, address: str) -> int:
        """The tokens of ``address`` in wei."""
        return await self.ask(self.file.token, self._token, "balanceOf", address)

    async def allowance(self, owner: str, spender: str) -> int:
        """What the contract ``spender`` may still move for ``owner``, in wei."""
        return await self.ask(self.file.token, self._token, "allowance", owner, spender)

    async def nonce(self, address: str) -> int:
        """How many transactions of ``address`` are in blocks."""
        return int(await self._rpc.call("eth_getTransactionCount", address, "latest"), 16)

    async def fees(self) -> Fees:
        """Fees that the next blocks will take, even when they double, below the cap of the chain file.

        Raises:
            GasTooDear: the next block costs more than that.
        """
        block = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        base = int(block.get("baseFeePerGas", "0x0"), 16)
        most, cap = 2 * base + LEAST_TIP_WEI, self.file.max_fee_wei
        if cap is not None and base + LEAST_TIP_WEI > cap:
            raise GasTooDear(
                f"A unit of gas costs {base + LEAST_TIP_WEI} wei, the chain file allows {cap}.",
                next_step="Payments wait until it is cheaper; or raise max_fee_wei in the chain file.",
            )
        return Fees(base=base, most=most if cap is None else min(most, cap), tip=LEAST_TIP_WEI)

    async def estimate_gas(self, sender: str, to: str, data: bytes) -> int:
        """The gas that a call would use now. Raises ``WouldRevert`` if the contract would refuse it."""
        call = {"from": sender, "to": to, "data": "0x" + data.hex()}
        return int(await self._rpc.call("eth_estimateGas", call), 16)

    async def broadcast(self, raw: bytes) -> None:
        """Give a signed transaction to the chain; one that it has already is fine.

        Raises:
            NonceTaken: another transaction took its place.
            FeeTooLow: it offers too little.
        """
        try:
            await self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except AlreadyKnown:
            pass

    async def send_unlocked(
        self, sender: str, to: str | None, data: bytes, value: int = 0, nonce: int | None = None
    ) -> str:
        """Have the node sign for its own account ``sender`` and send; the hash. ``to`` None creates.

        Raises:
            NonceTaken: ``nonce`` is not the next one (any more).
        """
        call = {"from": sender, "data": "0x" + data.hex(), "value": hex(value)}
        optional = {"to": to, "nonce": None if nonce is None else hex(nonce)}
        given = {name: each for name, each in optional.items() if each is not None}
        return await self._rpc.call("eth_sendTransaction", call | given)

    async def receipt(self, hash_: str) -> Receipt | None:
        """The receipt of the transaction; None if it is in no block."""
        found = await self._rpc.call("eth_getTransactionReceipt", hash_)
        if found is None or found.get("blockNumber") is None:
            return None
        block = int(found["blockNumber"], 16)
        return Receipt(
            hash=hash_,
            block_number=block,
            block_hash=found["blockHash"],
            confirmations=max(await self.block_number() - block + 1, 0),
            succeeded=int(found["status"], 16) == 1,
            transfers=(*self._transfers(found["logs"]), *self._paid_from_deposits(found["logs"])),
        )

    async def transfers_of(self, address: str) -> list[tuple[str, TokenTransfer]]:
        """Every transfer of the token from or to ``address``, with the hash of its transaction."""
        topic = "0x" + self._token.topic("Transfer").hex()
        holder = "0x" + address[2:].rjust(64, "0")
        question = {"fromBlock": "0x0", "address": self.file.token}
        sent = await self._rpc.call("eth_getLogs", {**question, "topics": [topic, holder]})
        received = await self._rpc.call("eth_getLogs", {**question, "topics": [topic, None, holder]})
        logs = {(each["transactionHash"], each["logIndex"]): each for each in [*sent, *received]}
        return [(hash_, transfer) for (hash_, _), log in logs.items() for transfer in self._transfers([log])]

    async def batch_transaction(self, payer: str, batch: bytes) -> str | None:
        """The hash of the transaction that has paid ``batch`` of ``payer``; None if none has."""
        topics = [self._multi_transfer.topic("BatchPaid"), address_topic(payer), batch]
        return await self.transaction_with(self.file.multi_transfer, topics)

    async def transaction_with(self, contract: str, topics: Sequence[bytes]) -> str | None:
        """The hash of the first transaction in which ``contract`` has logged ``topics``; None if none has."""
        logs = await self.logs(contract, topics)
        return logs[0].transaction_hash if logs else None

    async def logs(self, contract: str, topics: Sequence[bytes]) -> list[Log]:
        """What ``contract`` has ever logged under ``topics``, the oldest first."""
        wanted = {"fromBlock": "0x0", "address": contract, "topics": ["0x" + each.hex() for each in topics]}
        return [
            Log(each["transactionHash"], tuple(map(_bytes, each["topics"])), _bytes(each["data"]))
            for each in await self._rpc.call("eth_getLogs", wanted)
        ]

    async def ask(
        self, address: str, contract: Contract, name: str, *arguments: Any, block: str = "latest"
    ) -> Any:
        """What function ``name`` of the contract at ``address`` answers, as things stood after ``block``."""
        call = {"to": address, "data": "0x" + contract.call(name, *arguments).hex()}
        answer = await self._rpc.call("eth_call", call, block)
        if answer == "0x":
            raise ChainError(f"There is no contract at {address} of the chain {self.file.rpc_url}.")
        return contract.result(name, bytes.fromhex(answer[2:]))

    def _paid_from_deposits(self, logs: list[dict[str, Any]]) -> list[TokenTransfer]:
        """What spenders have paid from deposits, as transfers of theirs."""
        if self.file.deposits is None:
            return []
        mine = [each for each in logs if each["address"].lower() == self.file.deposits.lower()]
        events = [
            self._deposits.event(
                "DepositTransfer", [_bytes(topic) for topic in each["topics"]], _bytes(each["data"])
            )
            for each in mine
        ]
        return [
            TokenTransfer(each["spender"].lower(), each["receiver"].lower(), each["amount"])
            for each in events
            if each is not None
        ]

    def _transfers(self, logs: list[dict[str, Any]]) -> list[TokenTransfer]:
        mine = [each for each in logs if each["address"].lower() == self.file.token.lower()]
        events = [
            self._token.event("Transfer", [_bytes(topic) for topic in each["topics"]], _bytes(each["data"]))
            for each in mine
        ]
        return [
            TokenTransfer(each["sender"].lower(), each["receiver"].lower(), each["value"])
            for each in events
            if each is not None
        ]


def address_topic(address: str) -> bytes:
    """An address as it stands in the topics of a log."""
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])

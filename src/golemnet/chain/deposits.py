"""Deposits that others fund: made and extended by the funder, paid from by the spender, ended by either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from golemnet.chain.batch import Payout, approve
from golemnet.chain.contract import Contract
from golemnet.chain.errors import NoChain
from golemnet.chain.ethereum import Ethereum, Log, Receipt
from golemnet.chain.mined import mined
from golemnet.chain.sender import TransactionSender
from golemnet.model.keys import keccak256

FEE_UNITS = 10_000
NOBODY = "0x" + "00" * 20
_AMOUNT_BITS = 96


class Deposit(msgspec.Struct, frozen=True):
    """A deposit as the chain knows it: ``amount`` wei are left; ``valid_to`` is in Unix seconds.

    One that is closed has the zero address as spender; one that never was has no validity either.
    """

    spender: str
    amount: int
    fee: int
    valid_to: int

    @property
    def is_made(self) -> bool:
        """Whether there is or was such a deposit."""
        return self.valid_to > 0

    @property
    def is_closed(self) -> bool:
        """Whether everything in it was given back."""
        return self.is_made and self.spender == NOBODY


class DepositEvent(msgspec.Struct, frozen=True):
    """What has happened to a deposit; ``returned`` wei came back to its funder when it was closed."""

    name: str
    transaction_hash: str
    returned: int = 0


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

    async def check(self) -> None:
        """Raise ``NoChain`` unless the contract is on the chain."""
        if not await self._chain.has_code(self.address):
            raise NoChain(f"The chain at {self._chain.file.rpc_url} has no contract at {self.address}.")

    async def get(self, deposit_id: int, confirmations: int = 1) -> Deposit:
        """The deposit as it was ``confirmations`` - 1 blocks ago.

        One that is closed, or never was, has the zero address as spender.
        """
        number = await self._chain.block_number()
        return await self._get(deposit_id, hex(max(number - confirmations + 1, 0)))

    async def _get(self, deposit_id: int, block: str) -> Deposit:
        found = await self._chain.ask(self.address, self._contract, "getDeposit", deposit_id, block=block)
        return Deposit(*found)

    async def with_paid(self, deposit_id: int, batch_ids: Iterable[str]) -> tuple[Deposit, set[str]]:
        """The deposit, and which of the batches were paid from it, both as the same block shows them."""
        block = hex(await self._chain.block_number())
        paid = {each for each in batch_ids if await self._is_paid(deposit_id, each, block)}
        return await self._get(deposit_id, block), paid

    async def _is_paid(self, deposit_id: int, batch_id: str, block: str) -> bool:
        batch = keccak256(batch_id.encode())
        return await self._chain.ask(self.address, self._contract, "isPaid", deposit_id, batch, block=block)

    async def paid_by(self, deposit: int, batch_id: str) -> str | None:
        """The hash of the transaction that has paid the batch from the deposit; None if none has."""
        batch = keccak256(batch_id.encode())
        topics = [self._contract.topic("DepositBatch"), deposit.to_bytes(32, "big"), batch]
        return await self._chain.transaction_with(self.address, topics)

    async def create(
        self, nonce: int, spender: str, amount: int, fee: int, valid_to: int, timeout_s: float
    ) -> int:
        """Set tokens of this account aside for ``spender``, once for each ``nonce``; the deposit's id."""
        await approve(self._chain, self._sender, self.address, amount + fee, timeout_s)
        data = self._contract.call("createDeposit", nonce, spender, amount, fee, 0, valid_to)
        await self._send(f"create deposit {nonce}", data, timeout_s)
        return deposit_id(self._sender.address, nonce)

    async def extend(self, nonce: int, additional: int, valid_to: int, timeout_s: float) -> None:
        """Add to a deposit of this account and let it last longer; one extension at a time."""
        if additional:
            await approve(self._chain, self._sender, self.address, additional, timeout_s)
        data = self._contract.call("extendDeposit", nonce, additional, valid_to)
        before = await self._logs("DepositExtended", deposit_id(self._sender.address, nonce))
        await self._send(f"extend deposit {nonce}, number {len(before)}", data, timeout_s)

    async def terminate(self, nonce: int, timeout_s: float) -> None:
        """Take back what is left in a deposit of this account whose validity is over."""
        await self._send(
            f"terminate deposit {nonce}", self._contract.call("terminateDeposit", nonce), timeout_s
        )

    async def known(self) -> dict[int, str]:
        """The spender of each deposit that this account has made or may spend from, the oldest first."""
        logs = await self._chain.logs(self.address, [self._contract.topic("DepositCreated")])
        events = [self._contract.event("DepositCreated", each.topics, each.data) for each in logs]
        mine = self._sender.address
        return {
            each["id"]: each["spender"].lower()
            for each in events
            if each is not None and mine in (funder_of(each["id"]), each["spender"].lower())
        }

    async def history(self, deposit: int) -> list[DepositEvent]:
        """When it was made, extended and closed, by the transactions that did it."""
        found: list[DepositEvent] = []
        for name in ("DepositCreated", "DepositExtended", "DepositClosed"):
            for log in await self._logs(name, deposit):
                fields = self._contract.event(name, log.topics, log.data) or {}
                found.append(DepositEvent(name, log.transaction_hash, fields.get("returned", 0)))
        return found

    async def pay_once(
        self, deposit: int, batch_id: str, payouts: Sequence[Payout], timeout_s: float
    ) -> Receipt:
        """Pay a batch from a deposit, once, however often this is called."""
        paid_by = await self.paid_by(deposit, batch_id)
        if paid_by is not None:
            return await mined(self._chain, paid_by, timeout_s, self._chain.file.confirmations)
        batch, payments = keccak256(batch_id.encode()), [_packed(each) for each in payouts]
        data = self._contract.call("depositTransferOnce", deposit, batch, payments)
        return await self._send(batch_id, data, timeout_s)

    async def close(self, deposit: int, timeout_s: float) -> None:
        """Give the rest back to the funder; nothing if the deposit is closed or not this account's."""
        if (await self.get(deposit)).spender == self._sender.address:
            data = self._contract.call("closeDeposit", deposit)
            await self._send(f"close deposit {deposit:x}", data, timeout_s)

    async def _logs(self, event: str, deposit: int) -> list[Log]:
        return await self._chain.logs(
            self.address, [self._contract.topic(event), deposit.to_bytes(32, "big")]
        )

    async def _send(self, intent: str, data: bytes, timeout_s: float) -> Receipt:
        await self._sender.send(intent, self.address, data)
        return await self._sender.wait(intent, timeout_s)


def deposit_id(funder: str, nonce: int) -> int:
    """The id of the deposit number ``nonce`` of ``funder``."""
    return int(funder, 16) << _AMOUNT_BITS | nonce


def funder_of(deposit: int) -> str:
    """Who has made the deposit with this id, and gets back what is left."""
    return f"0x{deposit >> _AMOUNT_BITS:040x}"


def nonce_of(deposit: int) -> int:
    """The funder's number of the deposit with this id."""
    return deposit & (1 << _AMOUNT_BITS) - 1


def _packed(payout: Payout) -> bytes:
    return (int(payout.receiver, 16) << _AMOUNT_BITS | payout.amount).to_bytes(32, "big")

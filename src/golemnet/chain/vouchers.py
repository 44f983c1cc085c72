"""Vouchers: a payer's signed word of how much it has paid to a payee in all, and the contract behind it.

What the payer signs is typed data (EIP-712) that names the chain and the contract, so a voucher is worth
nothing anywhere else. The signing needs no I/O.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from golemnet.chain.abi import encode
from golemnet.chain.batch import Payout, approve
from golemnet.chain.contract import Contract
from golemnet.chain.errors import NoChain
from golemnet.chain.ethereum import Ethereum, Receipt, address_topic
from golemnet.chain.mined import mined
from golemnet.chain.sender import TransactionSender
from golemnet.model.keys import NodeKey, keccak256, recover

MOST_VOUCHERS = 64
_DOMAIN = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_VOUCHER = keccak256(b"Voucher(address payer,address payee,uint256 cumulative,uint256 expiry)")
_NAME, _VERSION = keccak256(b"Golem vouchers"), keccak256(b"1")


class Domain(msgspec.Struct, frozen=True):
    """Where vouchers are worth something."""

    chain_id: int
    contract: str

    def digest(self, voucher: Voucher) -> bytes:
        """What the payer signs."""
        types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
        domain = keccak256(encode(types, [_DOMAIN, _NAME, _VERSION, self.chain_id, self.contract]))
        fields = [_VOUCHER, voucher.payer, voucher.payee, voucher.cumulative, voucher.expiry]
        content = keccak256(encode(["bytes32", "address", "address", "uint256", "uint256"], fields))
        return keccak256(b"\x19\x01" + domain + content)

    def sign(self, voucher: Voucher, key: NodeKey) -> SignedVoucher:
        """The voucher with its payer's signature."""
        return SignedVoucher(voucher, key.sign(self.digest(voucher)))

    def signer(self, signed: SignedVoucher) -> str:
        """Who has signed it, for this chain and contract. Raises ``BadSignature``."""
        return str(recover(self.digest(signed.voucher), signed.signature))


class Voucher(msgspec.Struct, frozen=True):
    """``cumulative`` wei were paid in all by payer to payee; redeemable up to ``expiry`` (Unix seconds)."""

    payer: str
    payee: str
    cumulative: int
    expiry: int


class SignedVoucher(msgspec.Struct, frozen=True):
    """A voucher and 65 bytes ``r || s || v``, v 0 or 1."""

    voucher: Voucher
    signature: bytes


class Standing(msgspec.Struct, frozen=True):
    """What the contract knows of a payer and a payee; ``notice_ends`` is 0 while no notice is given."""

    deposit: int
    redeemed: int
    notice_ends: int

    @property
    def backing(self) -> int:
        """The highest cumulative amount that a voucher is good for."""
        return self.deposit + self.redeemed


class VoucherContract:
    """The contract as the account of ``sender`` uses it. Every method may raise ``ChainError``."""

    def __init__(self, chain: Ethereum, sender: TransactionSender) -> None:
        self._chain = chain
        self._sender = sender
        self._contract = Contract.load("vouchers")

    @property
    def domain(self) -> Domain:
        """Where its vouchers count. Raises ``NoChain`` if this chain has no such contract."""
        return Domain(self._chain.file.chain_id, self._address)

    @property
    def _address(self) -> str:
        if self._chain.file.vouchers is None:
            raise NoChain(
                f"The chain at {self._chain.file.rpc_url} has no contract for vouchers.",
                next_step="Pay by erc20, or name the contract in the chain file.",
            )
        return self._chain.file.vouchers.lower()

    async def prepare(self, timeout_s: float) -> None:
        """Allow the contract to take deposits of this account, so that the first one is one transaction."""
        await approve(self._chain, self._sender, self._address, 1, timeout_s)

    async def standing(self, payer: str, payee: str, confirmations: int = 1) -> Standing:
        """Deposit, redeemed amount and notice, as they were ``confirmations`` - 1 blocks ago."""
        number = await self._chain.block_number()
        block = hex(max(number - confirmations + 1, 0)) if confirmations > 1 else "latest"
        names = ("deposits", "redeemed", "noticeEnds")
        found = [
            await self._chain.ask(self._address, self._contract, name, payer, payee, block=block)
            for name in names
        ]
        return Standing(*found)

    async def deposit_once(self, batch_id: str, deposits: Sequence[Payout], timeout_s: float) -> Receipt:
        """Set amounts aside for payees, once for each batch id, however often this is called."""
        batch = keccak256(batch_id.encode())
        topics = [self._contract.topic("BatchDeposited"), address_topic(self._sender.address), batch]
        done_by = await self._chain.transaction_with(self._address, topics)
        if done_by is not None:
            return await mined(self._chain, done_by, timeout_s, self._chain.file.confirmations)
        total = sum(each.amount for each in deposits)
        await approve(self._chain, self._sender, self._address, total, timeout_s)
        payees, amounts = [each.receiver for each in deposits], [each.amount for each in deposits]
        data = self._contract.call("depositOnce", batch, payees, amounts)
        return await self._send(f"deposit {batch_id}", data, timeout_s)

    async def redeem(
        self, signed: Sequence[SignedVoucher], redeemed: Sequence[int], timeout_s: float
    ) -> Receipt:
        """Redeem vouchers to this account in one transaction; each has brought ``redeemed`` before."""
        found = [each.voucher for each in signed]
        data = self._contract.call(
            "redeem",
            [each.payer for each in found],
            [each.cumulative for each in found],
            [each.expiry for each in found],
            [27 + each.signature[64] for each in signed],
            [int.from_bytes(each.signature[:32], "big") for each in signed],
            [int.from_bytes(each.signature[32:64], "big") for each in signed],
        )
        seen = ",".join(map(str, redeemed)).encode()
        return await self._send(f"redeem {keccak256(data + seen).hex()}", data, timeout_s)

    async def give_notice(self, payees: Sequence[str], timeout_s: float) -> Receipt:
        """Announce that what is set aside for ``payees`` is taken back; given again it changes nothing."""
        data = self._contract.call("giveNotice", list(payees))
        return await self._send(f"notice {uuid.uuid4()}", data, timeout_s)

    async def withdraw(self, payees: Sequence[str], ends: Sequence[int], timeout_s: float) -> Receipt:
        """Take back what is left for ``payees``, whose notices have ended at ``ends``."""
        data = self._contract.call("withdraw", list(payees))
        seen = ",".join(map(str, ends)).encode()
        return await self._send(f"withdraw {keccak256(data + seen).hex()}", data, timeout_s)

    async def withdrawals(self) -> list[tuple[str, str, int]]:
        """All that this account ever took back: the transaction's hash, the payee and the amount."""
        topics = [self._contract.topic("Withdrawn"), address_topic(self._sender.address)]
        logs = await self._chain.logs(self._address, topics)
        fields = [(each, self._contract.event("Withdrawn", each.topics, each.data)) for each in logs]
        return [(log.transaction_hash, each["payee"], each["amount"]) for log, each in fields if each]

    async def _send(self, intent: str, data: bytes, timeout_s: float) -> Receipt:
        await self._sender.send(intent, self._address, data)
        return await self._sender.wait(intent, timeout_s)

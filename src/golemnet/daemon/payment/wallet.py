"""The node's account on the chain that its chain file names, if it names one and that one answers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import structlog

from golemnet.chain.batch import BatchPayer, Payout
from golemnet.chain.chain_file import MOST_PAYMENTS, read_chain_file
from golemnet.chain.deposits import DepositContract
from golemnet.chain.errors import ChainError, NoChain
from golemnet.chain.ethereum import Ethereum, Receipt
from golemnet.chain.faucet import give
from golemnet.chain.sender import TransactionSender
from golemnet.chain.transaction import TransactionStore
from golemnet.chain.vouchers import SignedVoucher, Voucher, VoucherContract
from golemnet.model.keys import NodeKey
from golemnet.model.money import from_wei

CONFIRM_TIMEOUT_S = 60.0
LEAST_TOKENS = Decimal(1)
LEAST_GAS_WEI = 10**16

log = structlog.get_logger(__name__)


class Wallet:
    """Balance, faucet and payments of one key. Every method that asks the chain may raise ``ChainError``.

    The chain file is read when it is first needed and again when it has changed: a daemon may start before
    its chain.
    """

    def __init__(self, chain_file: Path | None, key: NodeKey, store: TransactionStore) -> None:
        self.address = str(key.node_id)
        self._path = chain_file
        self._key = key
        self._store = store
        self._chain: Ethereum | None = None
        self._payer: BatchPayer | None = None
        self._sender: TransactionSender | None = None
        self._vouchers: VoucherContract | None = None
        self._deposits: DepositContract | None = None
        self._read_at = 0
        self._opened: list[Ethereum] = []

    @property
    def is_configured(self) -> bool:
        """Whether the node was told of a chain (which may still not answer)."""
        return self._path is not None

    def chain(self) -> Ethereum:
        """The chain. Raises ``NoChain`` if none is configured or its file cannot be read."""
        if self._path is None:
            raise NoChain(
                "This node has no chain to pay on.",
                next_step="Set GOLEM_CHAIN_FILE to the file of one (`golem chain run` starts one) "
                "and start the daemon again.",
            )
        written = self._path.stat().st_mtime_ns if self._path.exists() else 0
        if self._chain is None or written != self._read_at:
            self._open(Ethereum(read_chain_file(self._path)))
            self._read_at = written
        assert self._chain is not None
        return self._chain

    def _open(self, chain: Ethereum) -> None:
        self._chain = chain
        self._opened.append(chain)
        self._sender = TransactionSender(chain, self.address, self._key.to_bytes, self._store)
        self._payer = BatchPayer(chain, self._sender)
        self._vouchers = VoucherContract(chain, self._sender)
        self._deposits = DepositContract(chain, self._sender)

    def vouchers(self) -> VoucherContract:
        """The contract for vouchers; only its use tells whether this chain has one."""
        self.chain()
        assert self._vouchers is not None
        return self._vouchers

    def deposits(self) -> DepositContract:
        """The contract for deposits of others; only its use tells whether this chain has one."""
        self.chain()
        assert self._deposits is not None
        return self._deposits

    @property
    def has_vouchers(self) -> bool:
        """Whether the chain has a contract for vouchers, as far as its file can be read."""
        try:
            return self.chain().file.vouchers is not None
        except NoChain:
            return False

    @property
    def has_deposits(self) -> bool:
        """Whether the chain has a contract for deposits of others, as far as its file can be read."""
        try:
            return self.chain().file.deposits is not None
        except NoChain:
            return False

    def sign_voucher(self, voucher: Voucher) -> SignedVoucher:
        """A voucher of this account."""
        return self.vouchers().domain.sign(voucher, self._key)

    @property
    def most_payments(self) -> int:
        """How many payees one transaction may have."""
        try:
            return self.chain().file.most_payments
        except NoChain:
            return MOST_PAYMENTS

    async def balance(self) -> Decimal:
        """The tokens of the account in GLM."""
        return from_wei(await self.chain().token_balance(self.address))

    async def gas(self) -> Decimal:
        """The coins of the account that pay for gas, in ETH."""
        return from_wei(await self.chain().gas_balance(self.address))

    async def fund(self) -> None:
        """Have the chain's faucet fill the account."""
        await give(self.chain(), self.address)

    async def fund_if_poor(self) -> None:
        """Ask the faucet, where there is one, if the account could not pay for anything."""
        chain = self.chain()
        poor = await self.balance() < LEAST_TOKENS or await chain.gas_balance(self.address) < LEAST_GAS_WEI
        if poor and chain.file.faucet is not None:
            await self.fund()

    async def pay(self, batch_id: str, payouts: Sequence[Payout]) -> Receipt:
        """Pay the batch once, however often this is called; its confirmed receipt."""
        self.chain()
        assert self._payer is not None
        return await self._payer.pay(batch_id, payouts, CONFIRM_TIMEOUT_S)

    async def repair(self) -> None:
        """Send again what the chain has lost; a chain that does not answer is only reported."""
        if not self.is_configured:
            return
        try:
            self.chain()
            assert self._sender is not None
            await self._sender.repair()
        except ChainError as error:
            log.warning("chain cannot be used", why=str(error))

    async def close(self) -> None:
        """Let the connections go."""
        for chain in self._opened:
            await chain.close()

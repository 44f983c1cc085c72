"""Sends the transactions of one account so that a crash loses none and repeats none.

A transaction is signed and stored before it leaves. Sending it again is harmless: the chain takes one
transaction for a nonce. So after a crash, or when the chain has lost blocks (a reorganisation, a test chain
that was killed), what is stored is simply sent again. One that its fee keeps out is replaced under its nonce.
Only if another transaction has taken the nonce is the call signed anew under a higher one; calls must
therefore be such that the contract takes them once (``payOnce``) or that repeating changes nothing
(``approve``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from golemnet.chain.errors import (
    ChainError,
    ChainUnreachable,
    FeeTooLow,
    GasTooDear,
    NonceTaken,
    NotConfirmed,
    Reverted,
    RpcRefused,
)
from golemnet.chain.ethereum import LEAST_TIP_WEI, Ethereum, Fees, Receipt
from golemnet.chain.transaction import (
    CONFIRMED,
    REVERTED,
    Call,
    StoredTransaction,
    TransactionStore,
    raised,
    sign_call,
)

FIRST_POLL_S = 0.02
LONGEST_POLL_S = 2.0
POLLS_BEFORE_REPAIR = 6
REPAIR_DEPTH = 200
MOST_SPARE_GAS = 500_000  # a large batch must still fit into a block

log = structlog.get_logger(__name__)


class TransactionSender:
    """The sender of one account; there must be only one for an account at a time.

    Args:
        chain: where to.
        address: of the account, lower case.
        key: gives the account's 32 secret bytes when something has to be signed.
        store: where transactions wait to be confirmed.
    """

    def __init__(
        self, chain: Ethereum, address: str, key: Callable[[], bytes], store: TransactionStore
    ) -> None:
        self.address = address
        self._chain = chain
        self._key = key
        self._store = store
        self._lock = asyncio.Lock()

    async def send(self, intent: str, to: str, data: bytes) -> StoredTransaction:
        """Store and send a call for ``intent``, once: a second call with it gives the first's transaction.

        Only if that one was refused by the contract is there a new one.

        Raises:
            WouldRevert: the contract would refuse it now; nothing was stored.
            ChainError: nothing was stored if the chain did not answer before signing; what is stored is
                sent by a later ``wait`` or ``repair``.
        """
        async with self._lock:
            genesis = await self._chain.genesis()
            known = await self._store.find(genesis, self.address, intent)
            if known is not None and known.state != REVERTED:
                return known
            return await self._send_signed(await self._sign(genesis, intent, to, data))

    async def wait(self, intent: str, timeout_s: float) -> Receipt:
        """The receipt of the transaction for ``intent`` once it has the confirmations of the chain file.

        Raises:
            NotConfirmed: not within ``timeout_s``; it may be waited for again.
            Reverted: it was mined and refused.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._confirmed(intent)
        except TimeoutError:
            await self._hurry(intent)
            raise NotConfirmed(
                f"Transaction {intent} is not confirmed after {timeout_s:g} s.",
                next_step="It stays stored and is waited for again.",
            ) from None

    async def _hurry(self, intent: str) -> None:
        """Offer more for a transaction that no block has taken although it was waited for so long."""
        try:
            async with self._lock:
                transaction = await self._find(intent)
                if await self._mined(transaction) is None:
                    await self._offer_more(transaction)
        except ChainError as error:
            log.warning("cannot offer more", intent=intent, why=str(error))

    async def repair(self) -> int:
        """Send again the newest transactions that are in no block; how many.

        Transactions of an account are mined in the order of their nonces, so the search ends at the first
        one that the chain has.
        """
        async with self._lock:
            lost = await self._lost()
            for transaction in reversed(lost):
                await self._try_again(transaction)
            return len(lost)

    async def _try_again(self, transaction: StoredTransaction) -> None:
        try:
            await self._send_again(transaction)
        except (RpcRefused, GasTooDear) as error:  # the others are still worth an attempt
            log.warning("cannot send again", intent=transaction.intent, why=str(error))

    async def _lost(self) -> list[StoredTransaction]:
        lost: list[StoredTransaction] = []
        genesis = await self._chain.genesis()
        for transaction in await self._store.newest(genesis, self.address, REPAIR_DEPTH):
            if await self._mined(transaction) is not None:
                break
            lost.append(transaction)
        return lost

    async def _mined(self, transaction: StoredTransaction) -> Receipt | None:
        for hash_ in transaction.hashes:
            if (receipt := await self._chain.receipt(hash_)) is not None:
                return receipt
        return None

    async def _confirmed(self, intent: str) -> Receipt:
        delay, polls = FIRST_POLL_S, 0
        while True:
            transaction = await self._find(intent)
            receipt = await self._receipt(transaction)
            if receipt is not None and receipt.confirmations >= self._chain.file.confirmations:
                return await self._finish(transaction, receipt)
            polls += 1
            if receipt is None and polls >= POLLS_BEFORE_REPAIR:
                await self._try_repair(intent)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_POLL_S)

    async def _receipt(self, transaction: StoredTransaction) -> Receipt | None:
        try:
            return await self._mined(transaction)
        except ChainUnreachable as error:
            log.warning("chain does not answer", transaction=transaction.hash, why=error.why)
            return None

    async def _try_repair(self, intent: str) -> None:
        try:
            await self.repair()
            await self._replace_if_taken(intent)
        except ChainError as error:
            log.warning("cannot send again", sender=self.address, why=str(error))

    async def _replace_if_taken(self, intent: str) -> None:
        """Sign anew what another user of the key has pushed aside, also when later ones of ours are mined."""
        async with self._lock:
            transaction = await self._find(intent)
            if await self._chain.nonce(self.address) > transaction.nonce:
                await self._sign_anew(transaction)

    async def _finish(self, transaction: StoredTransaction, receipt: Receipt) -> Receipt:
        state = CONFIRMED if receipt.succeeded else REVERTED
        await self._store.put(msgspec.structs.replace(transaction, state=state))
        if not receipt.succeeded:
            raise Reverted(f"The contract has refused transaction {receipt.hash}.", intent=transaction.intent)
        return receipt

    async def _find(self, intent: str) -> StoredTransaction:
        transaction = await self._store.find(await self._chain.genesis(), self.address, intent)
        if transaction is None:
            raise ChainError(f"No transaction was sent for {intent}.")
        return transaction

    async def _sign(
        self, genesis: str, intent: str, to: str, data: bytes, earlier: tuple[str, ...] = ()
    ) -> StoredTransaction:
        nonce, fees = await self._next_nonce(genesis), await self._chain.fees()
        gas = await self._chain.estimate_gas(self.address, to, data)
        return self._signed(
            genesis, intent, Call(to, data, gas + min(gas // 4, MOST_SPARE_GAS)), nonce, fees, earlier
        )

    def _signed(
        self, genesis: str, intent: str, call: Call, nonce: int, fees: Fees, earlier: tuple[str, ...]
    ) -> StoredTransaction:
        chain_id = self._chain.file.chain_id
        hash_, raw = sign_call(call, key=self._key(), chain_id=chain_id, nonce=nonce, fees=fees)
        return StoredTransaction(
            chain=genesis,
            sender=self.address,
            intent=intent,
            nonce=nonce,
            to=call.to,
            data=call.data,
            gas=call.gas,
            hash=hash_,
            raw=raw,
            max_fee=fees.most,
            tip=fees.tip,
            earlier=earlier,
        )

    async def _next_nonce(self, genesis: str) -> int:
        newest = await self._store.newest(genesis, self.address, 1)
        after_stored = newest[0].nonce + 1 if newest else 0
        return max(after_stored, await self._chain.nonce(self.address))

    async def _send_signed(self, transaction: StoredTransaction) -> StoredTransaction:
        await self._store.put(transaction)
        try:
            await self._chain.broadcast(transaction.raw)
        except ChainUnreachable as error:
            log.warning("not sent yet", transaction=transaction.hash, why=error.why)
        return transaction

    async def _send_again(self, transaction: StoredTransaction) -> None:
        log.info("sending again", transaction=transaction.hash, intent=transaction.intent)
        try:
            await self._chain.broadcast(transaction.raw)
            fees = await self._chain.fees()
            if transaction.max_fee < fees.base + LEAST_TIP_WEI:
                await self._offer_more(transaction)
        except FeeTooLow:
            await self._offer_more(transaction)
        except NonceTaken:
            await self._sign_anew(transaction)

    async def _offer_more(self, old: StoredTransaction) -> None:
        """Replace a transaction that its fee keeps out, under the same nonce and below the cap."""
        call, fees = Call(old.to, old.data, old.gas), raised(await self._chain.fees(), old)
        cap = self._chain.file.max_fee_wei
        if cap is not None and fees.most > cap:
            log.warning("fee is too low, but no higher one is allowed", intent=old.intent, cap=cap)
            return
        log.warning("fee is too low, offering more", intent=old.intent, nonce=old.nonce)
        earlier = (*old.earlier, old.hash)
        await self._send_signed(self._signed(old.chain, old.intent, call, old.nonce, fees, earlier))

    async def _sign_anew(self, old: StoredTransaction) -> None:
        if await self._mined(old) is not None:
            return
        log.warning("nonce was taken, signing anew", intent=old.intent, nonce=old.nonce)
        earlier = (*old.earlier, old.hash)
        await self._send_signed(await self._sign(old.chain, old.intent, old.to, old.data, earlier))

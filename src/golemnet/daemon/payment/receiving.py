"""The provider's side of payments: a notice is believed when the chain says the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import Connection

from golemnet.chain.errors import ChainError
from golemnet.chain.ethereum import Receipt
from golemnet.clock import Clock
from golemnet.daemon.payment import order_store
from golemnet.daemon.payment.messages import NOT_YET, PAYMENT, PAYMENT_DOCUMENT, REFUSED, PaymentBody
from golemnet.daemon.payment.paying import payment_record
from golemnet.daemon.payment.peers import opened, refusing, terms_for
from golemnet.daemon.payment.settlement import settle
from golemnet.daemon.payment.store import PROVIDER, Part
from golemnet.daemon.payment.terms import Deals
from golemnet.daemon.payment.tidings import PAYMENTS, Tidings
from golemnet.daemon.payment.verification import check_payment, check_receipt
from golemnet.daemon.payment.vouchers_taken import TakenVouchers
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.node_id import NodeId
from golemnet.net.errors import RemoteError
from golemnet.net.network import Network

Proof = Callable[[Connection], None]

log = structlog.get_logger(__name__)


class Receiving:
    """Takes payment notices, verifies them and settles the claims that they pay."""

    def __init__(
        self, clock: Clock, database: Database, wallet: Wallet, deals: Deals, tidings: Tidings
    ) -> None:
        self._clock = clock
        self._database = database
        self._wallet = wallet
        self._deals = deals
        self._tidings = tidings
        self.vouchers = TakenVouchers(clock, database, wallet)

    def listen(self, network: Network) -> None:
        """Answer on ``network``."""
        network.handle(PAYMENT, self.on_payment)

    async def on_payment(self, caller: NodeId, data: bytes) -> bytes:
        """A payer says that it has paid. The same notice twice is counted once.

        The answer NOT_YET asks the payer to say it again: the chain does not show the transaction (enough).
        """
        body = opened(data, PAYMENT_DOCUMENT, PaymentBody, caller)
        if body.payer_id != caller:
            raise RemoteError(REFUSED, "Refused: the payer is another node.")
        terms = [await terms_for(self._deals, part.agreement_id) for part in body.parts]
        with refusing():
            check_payment(body, self._wallet.address, terms)
            await self._store(body, await self._proof(body), data)
        log.info("payment received", payment=body.id, amount=str(body.amount), payer=caller)
        return b""

    async def _proof(self, body: PaymentBody) -> Proof:
        """What says within the write that the money is really ours."""
        if body.voucher is not None:
            voucher, is_urgent = await self.vouchers.check(body)
            return lambda connection: self.vouchers.keep(connection, body, voucher, is_urgent=is_urgent)
        receipt = await self._receipt(body.transaction_hash)

        def is_in_the_transaction(connection: Connection) -> None:
            counted = order_store.payments_by_transaction(connection, body.transaction_hash)
            check_receipt(body, receipt, counted)

        return is_in_the_transaction

    async def _receipt(self, transaction_hash: str) -> Receipt:
        try:
            chain = self._wallet.chain()
            receipt = await chain.receipt(transaction_hash)
        except ChainError as error:
            raise RemoteError(NOT_YET, f"The payee cannot ask its chain: {error}") from error
        if receipt is None or receipt.confirmations < chain.file.confirmations:
            raise RemoteError(NOT_YET, "The transaction is not confirmed yet as the payee sees the chain.")
        return receipt

    async def _store(self, body: PaymentBody, proof: Proof, signed: bytes) -> None:
        now = self._clock.now()

        def write(connection: Connection) -> None:
            if order_store.find_payment(connection, body.id) is not None:
                return
            proof(connection)
            self._add(connection, body, signed, now)

        await self._database.write(write, durable=True)

    def _add(self, connection: Connection, body: PaymentBody, signed: bytes, now: datetime) -> None:
        parts = [
            Part(
                payment_id=body.id,
                agreement_id=part.agreement_id,
                activity_id=part.activity_id,
                allocation_id=None,
                amount=part.amount,
            )
            for part in body.parts
        ]
        # Our own time of its arrival: programs ask for what came after the last one that they know.
        payment = msgspec.structs.replace(payment_record(body, PROVIDER, signed), timestamp=now)
        order_store.add_payment(connection, payment, parts)
        agreement_ids = {part.agreement_id for part in parts}
        for agreement_id in agreement_ids:
            settle(connection, agreement_id, now)
        self._tidings.wake(connection, PAYMENTS)
        self._tidings.wake_claims(connection, agreement_ids)

"""Payments of one node: everything that the REST API can ask, and the parts that do it.

A claim's way: the provider issues it (``IssuedClaims``), an effect carries it over (``Delivery``), the
requestor's node checks and keeps it (``ClaimPeers``), a program accepts it from an allocation
(``ReceivedClaims``), its order is paid in a batch (``Paying``), and the provider's node believes the notice
once the chain shows the transaction (``Receiving``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection

from golemnet.chain.batch import Payout
from golemnet.chain.errors import ChainError
from golemnet.clock import Clock
from golemnet.daemon.payment import claim_store, order_store
from golemnet.daemon.payment.accounts import Accounts
from golemnet.daemon.payment.allocations import Allocations
from golemnet.daemon.payment.claims_issued import IssuedClaims
from golemnet.daemon.payment.claims_received import ReceivedClaims
from golemnet.daemon.payment.delivery import Delivery
from golemnet.daemon.payment.deposit_views import DepositViews
from golemnet.daemon.payment.deposits import Deposits
from golemnet.daemon.payment.funding import Funding
from golemnet.daemon.payment.funding_books import FundingBooks
from golemnet.daemon.payment.ledger import entries, read_books
from golemnet.daemon.payment.parsing import parse_address
from golemnet.daemon.payment.paying import GATHER_S, Paying
from golemnet.daemon.payment.peers import ClaimPeers
from golemnet.daemon.payment.platforms import Platforms, is_voucher
from golemnet.daemon.payment.receiving import Receiving
from golemnet.daemon.payment.reconciling import MISMATCH, Reconciling
from golemnet.daemon.payment.store import DEBIT_NOTE, Claim, ClaimEvent, Part, PaymentRecord
from golemnet.daemon.payment.terms import Deals
from golemnet.daemon.payment.tidings import BATCH, CLAIMS, CLOSE, NOTICE, PAYMENTS, TELL, Tidings
from golemnet.daemon.payment.transaction_store import StoredTransactions
from golemnet.daemon.payment.voucher_exit import LeavingVouchers
from golemnet.daemon.payment.wallet import CONFIRM_TIMEOUT_S, Wallet
from golemnet.database.database import Database
from golemnet.database.outbox import Outbox
from golemnet.model.keys import NodeKey
from golemnet.model.money import to_wei
from golemnet.model.node_id import NodeId
from golemnet.net.network import Network
from golemnet.rest.errors import BadRequest, NotFound
from golemnet.rest.payment import (
    Account,
    AccountStatus,
    InitAccount,
    LedgerEntry,
    NewAllocation,
    Redeemed,
    VoucherExit,
    Withdrawal,
    Withdrawn,
)

log = structlog.get_logger(__name__)

PaymentWithParts = tuple[PaymentRecord, list[Part]]


class Payments:
    """The payment service.

    Args:
        clock: time.
        key: of the node; its account on the chain has the same address.
        database: where everything is kept.
        outbox: delivers ``effects()``; the node runs it.
        network: to the other nodes.
        chain_file: describes the chain; without one the service answers that there is none.
        deals: what market and activities know.
        gather_s: how long an order waits for others to share its transaction.
    """

    def __init__(
        self,
        clock: Clock,
        key: NodeKey,
        database: Database,
        outbox: Outbox,
        network: Network,
        chain_file: Path | None,
        deals: Deals,
        *,
        gather_s: float = GATHER_S,
    ) -> None:
        self._database = database
        self._tidings = Tidings(clock, key, outbox)
        self._network = network
        self.platforms = Platforms()
        transactions = StoredTransactions(database)
        self.wallet = Wallet(chain_file, key, transactions)
        self.reconciling = Reconciling(database, self.wallet, transactions)
        self.deposits = Deposits(clock, database, self.wallet, self._tidings)
        self.allocations = Allocations(clock, database, self.wallet, self.platforms, self.deposits)
        self.deposit_views = DepositViews(clock, database, self.wallet)
        self._funding_books = FundingBooks(clock, database, self.wallet)
        self.funding = Funding(clock, self.wallet, self.allocations, self.deposit_views, self._funding_books)
        self.accounts = Accounts(database, self.wallet, self.platforms, self.allocations)
        self.issued = IssuedClaims(clock, key.node_id, database, network, deals, self._tidings)
        self.received = ReceivedClaims(clock, database, self._tidings, self.deposits)
        self._delivery = Delivery(clock, database, network, self._tidings)
        self._paying = Paying(clock, database, self.wallet, self._tidings, self.deposits, gather_s)
        self._returning: set[asyncio.Task[None]] = set()
        ClaimPeers(clock, database, deals, self._tidings).listen(network)
        receiving = Receiving(clock, database, self.wallet, deals, self._tidings)
        receiving.listen(network)
        self.taken_vouchers = receiving.vouchers
        self._leaving = LeavingVouchers(clock, database, self.wallet)
        network.on_neighbour(self._is_back)

    def effects(self) -> Mapping[str, Callable[[str, bytes], Awaitable[None]]]:
        """Handlers for the outbox."""
        return {
            TELL: self._delivery.tell,
            NOTICE: self._delivery.tell,
            BATCH: self._pay_batch,
            CLOSE: self.deposits.close,
        }

    async def run(self, ready: asyncio.Event) -> None:
        """Pay what is ordered until cancelled. Needs the outbox to run as well."""
        ready.set()
        beside = [
            asyncio.create_task(self._report_mismatches()),
            asyncio.create_task(self.taken_vouchers.run()),
            asyncio.create_task(self.deposits.run()),
        ]
        try:
            await self.wallet.repair()
            await self._paying.run()
        finally:
            for task in beside:
                task.cancel()
            await self.wallet.close()

    async def init(self, wanted: InitAccount) -> list[Account]:
        """Make the account ready: filled by the faucet where there is one and the account is poor.

        One that is to pay by vouchers lets their contract take deposits; they are made with the payments.
        """
        self.accounts.check_address(wanted.address)
        by_voucher = is_voucher(self.platforms.choose(wanted.platform))
        await self.wallet.fund_if_poor()
        if by_voucher and wanted.sender:
            await self.wallet.vouchers().prepare(CONFIRM_TIMEOUT_S)
        return self.accounts.all()

    async def fund(self, wanted: InitAccount) -> AccountStatus:
        """Ask the faucet for tokens and gas."""
        self.accounts.check_address(wanted.address)
        await self.wallet.fund()
        return await self.accounts.status(wanted.platform)

    async def ledger(self) -> list[LedgerEntry]:
        """The books in double entry, the oldest entry first."""
        if self.wallet.has_deposits:
            with suppress(ChainError):  # what is in the books already can be shown
                await self._funding_books.note()
        return entries(await self._database.read(read_books))

    async def exit(self, wanted: Withdrawal) -> Withdrawn:
        """Move tokens to another address: the amount, or all that is not reserved. Raises BadRequest."""
        receiver = parse_address(wanted.to)
        amount = wanted.amount
        if amount is None:
            amount = await self.wallet.balance() - await self.allocations.reserved()
        if amount <= 0:
            raise BadRequest("There is nothing to move.", next_step="See `yagna payment status`.")
        reserved = await self.allocations.create(NewAllocation(total_amount=amount))
        receipt = await self.wallet.pay(f"exit-{reserved.id}", [Payout(receiver, to_wei(amount))])
        await self.allocations.release(reserved.id)
        return Withdrawn(to=receiver, amount=amount, transaction=receipt.hash)

    async def redeem_vouchers(self) -> Redeemed:
        """Turn all vouchers of others into tokens, by one transaction."""
        return Redeemed(redeemed=await self.taken_vouchers.redeem_due(all_of_them=True))

    async def exit_vouchers(self) -> VoucherExit:
        """Turn vouchers into tokens, and take back deposits by and by; to be repeated until all is back."""
        redeemed = await self.taken_vouchers.redeem_due(all_of_them=True)
        return await self._leaving.leave(redeemed)

    async def claim(self, kind: str, claim_id: str) -> Claim:
        """A debit note or an invoice of either side. Raises NotFound."""
        return await self._database.read(lambda connection: claim_store.get(connection, kind, claim_id))

    async def claims(self, kind: str, after: datetime | None, limit: int | None) -> list[Claim]:
        """All of a kind from after a time on."""
        return await self._database.read(
            lambda connection: claim_store.all_of(connection, kind, after, limit)
        )

    async def events(
        self,
        kind: str,
        wanted: Iterable[tuple[str, str]],
        *,
        after: datetime | None,
        limit: int,
        app_session_id: str | None,
        timeout_s: float,
    ) -> list[ClaimEvent]:
        """Events of claims of ``kind``, waited for up to ``timeout_s``; ``wanted`` are (role, type) pairs."""
        chosen = list(wanted)

        def read(connection: Connection) -> list[ClaimEvent]:
            return claim_store.events(
                connection, kind, chosen, after=after, limit=limit, app_session_id=app_session_id
            )

        return await self._tidings.signal.poll(CLAIMS, lambda: self._database.read(read), timeout_s)

    async def payments(
        self, after: datetime | None, limit: int | None, timeout_s: float
    ) -> list[PaymentWithParts]:
        """Payments made and received, waited for up to ``timeout_s``."""

        def read(connection: Connection) -> list[PaymentWithParts]:
            found = order_store.payments(connection, after=after, limit=limit)
            return [(each, order_store.parts_of_payment(connection, each.id)) for each in found]

        return await self._tidings.signal.poll(PAYMENTS, lambda: self._database.read(read), timeout_s)

    async def payment(self, payment_id: str) -> PaymentWithParts:
        """A payment. Raises NotFound."""

        def read(connection: Connection) -> PaymentWithParts:
            found = order_store.find_payment(connection, payment_id)
            if found is None:
                raise NotFound("No such payment here.", payment_id=payment_id)
            return found, order_store.parts_of_payment(connection, payment_id)

        return await self._database.read(read)

    async def payments_for(self, kind: str, claim_id: str) -> list[PaymentWithParts]:
        """The payments that hold a share for a claim's agreement (an invoice) or activity (a debit note)."""
        claim = await self.claim(kind, claim_id)

        def read(connection: Connection) -> list[PaymentWithParts]:
            parts = order_store.parts_of_agreement(connection, claim.agreement_id)
            mine = [part for part in parts if kind != DEBIT_NOTE or part.activity_id == claim.activity_id]
            found = [order_store.find_payment(connection, each) for each in {p.payment_id for p in mine}]
            return [
                (each, order_store.parts_of_payment(connection, each.id))
                for each in found
                if each is not None
            ]

        return await self._database.read(read)

    async def _report_mismatches(self) -> None:
        if not self.wallet.is_configured:
            return
        try:
            findings = await self.reconciling.verify()
        except ChainError as error:
            log.warning("books not compared with the chain", why=str(error))
            return
        for each in findings:
            if each.kind == MISMATCH:
                log.warning(
                    "books and chain differ", about=each.about, amount=str(each.amount), why=each.what
                )

    async def _pay_batch(self, batch_id: str, _body: bytes) -> None:
        await self._paying.pay_batch(batch_id)

    def _is_back(self, node: NodeId) -> None:
        task = asyncio.get_running_loop().create_task(self._tidings.retry(node))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

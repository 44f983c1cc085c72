"""The node's account: its names, its money, and the totals of its business."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import Connection

from golemnet.chain.errors import ChainError
from golemnet.daemon.payment import amounts, claim_store, order_store, voucher_store
from golemnet.daemon.payment.allocations import Allocations
from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM, VOUCHER, Platforms, parse_platform
from golemnet.daemon.payment.store import PROVIDER, REQUESTOR, Claim, PaymentRecord
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
from golemnet.model.money import add_up, from_wei
from golemnet.rest.errors import BadRequest
from golemnet.rest.payment import Account, AccountStatus
from golemnet.rest.wire import Wire

ZERO = Decimal(0)


class DriverStatusProperty(Wire, omit_defaults=True):
    """Something that keeps payments from being made; named as in the OpenAPI file."""

    kind: str
    driver: str
    network: str
    address: str | None = None
    needed_gas_est: str | None = None
    needed_token_est: str | None = None


class Accounts:
    """One address under the names of all platforms; it can send and receive."""

    def __init__(
        self, database: Database, wallet: Wallet, platforms: Platforms, allocations: Allocations
    ) -> None:
        self._database = database
        self._wallet = wallet
        self._platforms = platforms
        self._allocations = allocations

    def all(self) -> list[Account]:
        """The account under each platform's name; none where no chain is configured."""
        if not self._wallet.is_configured:
            return []
        return [
            Account(
                platform=each.name,
                address=self._wallet.address,
                driver=each.driver,
                network=each.network,
                token=each.token,
                send=True,
                receive=True,
            )
            for each in self._platforms.all
            if each.driver != VOUCHER or self._wallet.has_vouchers
        ]

    def check_address(self, address: str | None) -> None:
        """Raise BadRequest unless ``address`` is this node's, or none is named."""
        if address and address.lower() != self._wallet.address:
            raise BadRequest(f"{address[:60]!r} is no account of this node ({self._wallet.address} is).")

    async def status(self, platform: str | None = None) -> AccountStatus:
        """Money and totals. Raises ``ChainError`` if the chain cannot be asked."""
        name = parse_platform(self._platforms.choose(platform) if platform else DEFAULT_PLATFORM)
        chain = self._wallet.chain()
        amount, gas, block = await asyncio.gather(
            self._wallet.balance(), self._wallet.gas(), chain.block_number()
        )
        outgoing, incoming = await self._database.read(_both_totals)
        set_aside, unredeemed = await self._vouchers() if name.driver == VOUCHER else (None, None)
        return AccountStatus(
            address=self._wallet.address,
            platform=name.name,
            driver=name.driver,
            network=name.network,
            token=name.token,
            amount=amount,
            reserved=await self._allocations.reserved(),
            gas=gas,
            outgoing_requested=outgoing[0],
            outgoing_accepted=outgoing[1],
            outgoing_confirmed=outgoing[2],
            incoming_requested=incoming[0],
            incoming_accepted=incoming[1],
            incoming_confirmed=incoming[2],
            block_number=block,
            set_aside=set_aside,
            unredeemed=unredeemed,
        )

    async def _vouchers(self) -> tuple[Decimal, Decimal]:
        """What is in the contract for vouchers to others, and what vouchers of others promise."""
        contract, me = self._wallet.vouchers(), self._wallet.address
        moved, received = await self._database.read(
            lambda connection: (
                voucher_store.movements(connection),
                voucher_store.received(connection, contract.domain.contract, me),
            )
        )
        payees = {each.counterpart for each in moved if each.kind == voucher_store.DEPOSIT}
        deposits = [(await contract.standing(me, payee)).deposit for payee in payees]
        return from_wei(sum(deposits)), add_up(each.open for each in received)

    async def problems(self) -> list[DriverStatusProperty]:
        """What keeps the account from paying at this moment; an empty list is good news."""
        try:
            balance, gas = await asyncio.gather(self._wallet.balance(), self._wallet.gas())
        except ChainError:
            return [self._problem("RpcError")]
        missing = max(await self._allocations.reserved() - balance, ZERO)
        problems = [self._problem("InsufficientGas", needed_gas_est="0.001")] if gas == 0 else []
        if missing:
            problems.append(self._problem("InsufficientToken", needed_token_est=format(missing, "f")))
        return problems

    def _problem(self, kind: str, **needed: str) -> DriverStatusProperty:
        platform = parse_platform(DEFAULT_PLATFORM)
        address = self._wallet.address if needed else None
        return DriverStatusProperty(
            kind=kind, driver=platform.driver, network=platform.network, address=address, **needed
        )


Totals = tuple[Decimal, Decimal, Decimal]
"""Asked for, accepted, paid."""


def _both_totals(connection: Connection) -> tuple[Totals, Totals]:
    claims, payments = claim_store.all_of(connection), order_store.payments(connection)
    return _totals(REQUESTOR, claims, payments), _totals(PROVIDER, claims, payments)


def _totals(role: str, claims: Iterable[Claim], payments: Iterable[PaymentRecord]) -> Totals:
    agreements: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.role == role:
            agreements[claim.agreement_id].append(claim)
    requested = sum((amounts.claimed_total(each) for each in agreements.values()), ZERO)
    accepted = sum((amounts.accepted_total(each) for each in agreements.values()), ZERO)
    paid = sum((each.amount for each in payments if each.role == role), ZERO)
    return requested, accepted, paid

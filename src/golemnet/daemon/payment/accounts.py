"""The node's account: its names, its money, and the totals of its business."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import Connection

from golemnet.chain.errors import ChainError
from golemnet.daemon.payment import amounts, claim_store, order_store
from golemnet.daemon.payment.allocations import Allocations
from golemnet.daemon.payment.platforms import DEFAULT_PLATFORM, Platforms, parse_platform
from golemnet.daemon.payment.store import PROVIDER, REQUESTOR, Claim, PaymentRecord
from golemnet.daemon.payment.wallet import Wallet
from golemnet.database.database import Database
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
        ]

    def check_address(self, address: str | None) -> None:
        """Raise BadRequest unless ``address`` is this node's, or none is named."""
        if address and address.lower() != self._wallet.address:
            raise BadRequest(f"{address[:60]!r} is no account of this node ({self._wallet.address} is).")

    async def status(self, platform: str | None = None) -> AccountStatus:
        """Money and totals. Raises ``ChainError`` if the chain cannot be asked."""
        name = parse_platform(self._platforms.choose(platform) if platform else DEFAULT_PLATFORM)
        amount, gas, block = await asyncio.gather(
            self._wallet.balance(), self._wallet.gas(), self._wallet.chain().block_number()
        )
        outgoing, incoming = await self._database.read(_both_totals)
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
        )

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

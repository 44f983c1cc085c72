"""Where the daemon is, and the parts of its API for scripts that do without an engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlsplit

from golemnet.gftp.daemon_address import DEFAULT_API_URL, DaemonAddress
from golemnet.requestor.published.agreements import Activity
from golemnet.requestor.published.errors import MissingConfiguration
from golemnet.rest.client import Client
from golemnet.rest.payment import Account, Allocation, DebitNote, Invoice, MarketDecoration


@dataclass
class ApiConfig:
    """The daemon's addresses and the application key; what is not given is read from the environment.

    Raises:
        MissingConfiguration: there is no application key.
    """

    app_key: str = field(default_factory=str)
    api_url: str = field(default_factory=str)
    market_url: str | None = None
    payment_url: str | None = None
    net_url: str | None = None
    activity_url: str | None = None

    def __post_init__(self) -> None:
        self.app_key = self.app_key or os.environ.get("YAGNA_APPKEY", "")
        if not self.app_key:
            raise MissingConfiguration("YAGNA_APPKEY", "API authentication token")
        for part in ("api", "market", "payment", "net", "activity"):
            known = getattr(self, f"{part}_url") or os.environ.get(f"YAGNA_{part.upper()}_URL")
            setattr(self, f"{part}_url", known)
        self.api_url = self.api_url or self._root()

    def _root(self) -> str:
        """The address of all parts; they are parts of one daemon."""
        parts = (self.market_url, self.payment_url, self.net_url, self.activity_url)
        split = urlsplit(next((url for url in parts if url), DEFAULT_API_URL))
        return f"{split.scheme}://{split.netloc}"

    @property
    def address(self) -> DaemonAddress:
        """The same for the engine."""
        return DaemonAddress(self.api_url, self.app_key)


class Configuration:
    """Opens connections: ``async with configuration.market() as client``."""

    def __init__(self, api_config: ApiConfig) -> None:
        self._config = api_config

    @property
    def app_key(self) -> str:
        """The application key."""
        return self._config.app_key

    @property
    def root_url(self) -> str:
        """Where the daemon is."""
        return self._config.api_url

    @property
    def market_url(self) -> str:
        """The market's part."""
        return self._config.market_url or f"{self.root_url}/market-api/v1"

    @property
    def payment_url(self) -> str:
        """The payments' part."""
        return self._config.payment_url or f"{self.root_url}/payment-api/v1"

    @property
    def activity_url(self) -> str:
        """The activities' part."""
        return self._config.activity_url or f"{self.root_url}/activity-api/v1"

    @property
    def net_url(self) -> str:
        """The private networks' part."""
        return self._config.net_url or f"{self.root_url}/net-api/v1"

    def market(self) -> Client:
        """A connection for ``Market``."""
        return Client(self.root_url, self.app_key)

    def payment(self) -> Client:
        """A connection for ``Payment``."""
        return Client(self.root_url, self.app_key)

    def activity(self) -> Client:
        """A connection for ``ActivityService``."""
        return Client(self.root_url, self.app_key)

    def net(self) -> Client:
        """A connection for ``Net``."""
        return Client(self.root_url, self.app_key)


class ActivityService:
    """Activities as a script without an engine uses them."""

    def __init__(self, api_client: Client) -> None:
        self._client = api_client

    async def new_activity(self, agreement_id: str, stream_events: bool = False) -> Activity:
        """Start one under an agreement."""
        return Activity(self._client, await self._client.activity.create_activity(agreement_id))

    async def use_activity(self, activity_id: str, stream_events: bool = False) -> Activity:
        """One that exists."""
        return Activity(self._client, activity_id)


class Payment:
    """Money as a script without an engine uses it."""

    def __init__(self, api_client: Client) -> None:
        self._payment = api_client

    async def accounts(self) -> AsyncIterator[Account]:
        """Accounts that can pay."""
        for account in await self._payment.payment.get_requestor_accounts():
            yield account

    async def new_allocation(
        self, amount: Decimal, payment_platform: str, payment_address: str
    ) -> Allocation:
        """Reserve so much."""
        create = self._payment.payment.create_allocation
        return await create(amount, payment_platform=payment_platform, address=payment_address)

    async def allocations(self) -> AsyncIterator[Allocation]:
        """What is reserved."""
        for allocation in await self._payment.payment.get_allocations():
            yield allocation

    async def allocation(self, allocation_id: str) -> Allocation:
        """One of these."""
        return await self._payment.payment.get_allocation(allocation_id)

    async def decorate_demand(self, ids: list[str]) -> MarketDecoration:
        """What a demand needs, so that allocations can pay for it."""
        return await self._payment.payment.get_demand_decorations(ids)

    async def invoices(self) -> AsyncIterator[Invoice]:
        """All invoices."""
        for invoice in await self._payment.payment.get_invoices():
            yield invoice

    async def invoice(self, invoice_id: str) -> Invoice:
        """One of these."""
        return await self._payment.payment.get_invoice(invoice_id)

    async def debit_note(self, debit_note_id: str) -> DebitNote:
        """A debit note."""
        return await self._payment.payment.get_debit_note(debit_note_id)

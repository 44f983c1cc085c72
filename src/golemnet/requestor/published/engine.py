"""What one ``Golem`` runs on from its start to its end: the buyer, and the jobs that it buys for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from golemnet.errors import GolemError
from golemnet.model import names
from golemnet.requestor import details
from golemnet.requestor import events as engine
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.demand import ACCEPT_TIMEOUT_S, DEBIT_NOTE_INTERVAL_S
from golemnet.requestor.market import Market
from golemnet.requestor.platforms import platform_of
from golemnet.requestor.published.configuration import ApiConfig
from golemnet.requestor.published.demand_builder import DemandBuilder
from golemnet.requestor.published.errors import NoPaymentAccountError
from golemnet.requestor.published.events import Event
from golemnet.requestor.published.jobs import Job, next_job_id
from golemnet.requestor.published.models import Activity, NodeInfo
from golemnet.requestor.published.payloads import Payload
from golemnet.requestor.published.strategies import BaseMarketStrategy, Scoring
from golemnet.rest.payment import DebitNote, Invoice, MarketDecoration

# A Golem may run as long as its script wants; each job has an expiration of its own.
LIFETIME = timedelta(days=3650)


class Engine:
    """Buys for jobs; an asynchronous context manager.

    Args:
        config: where the daemon is.
        budget: GLM for everything.
        strategy: asked at each offer, so that it may be replaced.
        subnet_tag: the part of the market.
        driver: how is paid.
        network: on which chain.
        tell: hears every event.
    """

    def __init__(
        self,
        *,
        config: ApiConfig,
        budget: float | Decimal,
        strategy: Callable[[], BaseMarketStrategy],
        subnet_tag: str,
        driver: str,
        network: str,
        tell: Callable[[Event], None],
    ) -> None:
        self._strategy = strategy
        self._subnet_tag = subnet_tag
        self._tell = tell
        self._account = (driver, network)
        self._jobs: list[Job] = []
        # hears what a journal of the run needs; jobs have events of their own
        self.note: engine.Consumer = _ignore
        self.config = config
        self.buyer = Buyer(
            budget=budget,
            timeout=LIFETIME,
            strategy=Scoring(strategy),
            subnet_tag=subnet_tag,
            emit=self._note,
            daemon=config.address,
            platform=platform_of(driver, network),
        )

    async def __aenter__(self) -> Self:
        try:
            await self.buyer.__aenter__()
        except GolemError as error:
            if (missing := await self._missing_account()) is not None:
                raise missing from error
            raise
        self.buyer.cashier.tell = self._listen
        self.buyer.cashier.objects = self._objects
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.buyer.__aexit__(kind, error, trace)

    async def _missing_account(self) -> NoPaymentAccountError | None:
        """The error for an account that the daemon does not have."""
        from golemnet.rest.client import Client

        async with Client(self.config.api_url, self.config.app_key) as client:
            try:
                accounts = await client.payment.get_requestor_accounts()
            except GolemError:
                return None
        known = [f"{each.driver} on {each.network}" for each in accounts]
        driver, network = self._account
        if f"{driver} on {network}" in known:
            return None
        return NoPaymentAccountError(driver, network, ", ".join(sorted(set(known))))

    async def open_job(self, payload: Payload, expiration: datetime, job_id: str | None, owner: Any) -> Job:
        """A job that is not on the market yet."""
        demand = DemandBuilder()
        demand.add(NodeInfo(name=self.buyer.name, subnet_tag=self._subnet_tag))
        demand.add(Activity(expiration=expiration, multi_activity=True))
        demand.add_properties(
            {names.DEBIT_NOTE_INTERVAL_S: DEBIT_NOTE_INTERVAL_S, names.ACCEPT_TIMEOUT_S: ACCEPT_TIMEOUT_S}
        )
        demand.ensure(f"({names.SUBNET}={self._subnet_tag})")
        _add(demand, await self.buyer.decoration())
        await demand.decorate(payload, self._strategy())
        job = Job(
            engine=owner,
            client=self.buyer.client,
            strategy=self._strategy(),
            tell=self._tell,
            expiration_time=expiration,
            payload=payload,
            demand=demand,
            id=job_id or next_job_id(),
        )
        self._jobs.append(job)
        return job

    async def publish(self, job: Job) -> Market:
        """Put a job's demand on the market."""

        def hear(event: engine.Event) -> None:
            job.hear(event)
            self._note(event)

        return await self.buyer.publish(job.demand.text(), hear, job.listen, job.tailor)

    def _note(self, event: engine.Event) -> None:
        self.note(event)

    def _listen(self, detail: details.Detail) -> None:
        claim = getattr(detail, "invoice", None) or getattr(detail, "note", None)
        if claim is None:
            return
        for job in self._jobs:
            if claim.agreement_id in job.agreements:
                job.listen_to_claims(detail, job.agreements[claim.agreement_id])

    async def _objects(self, claim: Invoice | DebitNote) -> str:
        """What the strategy has against a claim."""
        if isinstance(claim, Invoice):
            claimed, accepted = claim.amount, await self._strategy().invoice_accepted_amount(claim)
        else:
            accepted = await self._strategy().debit_note_accepted_amount(claim)
            claimed = claim.total_amount_due
        return "" if accepted >= claimed else f"The strategy accepts {accepted} GLM of {claimed} GLM."


def _add(demand: DemandBuilder, decoration: MarketDecoration) -> None:
    demand.add_properties({each.key: each.value for each in decoration.properties})
    for condition in decoration.constraints:
        demand.ensure(condition)


def _ignore(event: engine.Event) -> None:
    """The summary of the script has its own words."""

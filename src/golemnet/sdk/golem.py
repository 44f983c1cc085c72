"""Functions and commands on many machines: ``async with Golem(budget=1.0) as golem: golem.map(...)``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.events import Consumer, Event
from golemnet.requestor.platforms import chosen_platform
from golemnet.requestor.strategies import MarketStrategy
from golemnet.sdk.arguments import check, check_options
from golemnet.sdk.caller import Caller
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.common_files import common_files
from golemnet.sdk.costs import CostReport, Estimate, estimate
from golemnet.sdk.health import Check, tcp
from golemnet.sdk.history import History
from golemnet.sdk.images import find_image
from golemnet.sdk.interrupts import Interrupted, Interrupts
from golemnet.sdk.options import Restart, RunOptions
from golemnet.sdk.pool import Pool
from golemnet.sdk.pools import Pools
from golemnet.sdk.progress import Notes, ending
from golemnet.sdk.strategies import BestValue

if TYPE_CHECKING:
    from golemnet.sdk.services import Desk, Service
    from golemnet.sdk.shelf import Shelf

OFFERS_S = 3.0
QUIET_S = 0.5


class Golem(Caller):
    """Other people's machines for functions, commands and services; an asynchronous context manager.

    Args:
        budget: GLM for everything; it is never exceeded.
        image: what functions run in unless a call says otherwise: ``python``, a tag, or a hash.
        workers: at most so many machines at once, for each image.
        retries: how often a call goes to another machine when one is lost, or when ``verify`` refuses.
        timeout: after it everything has failed.
        max_price: GLM for an hour of a machine; dearer ones are refused.
        strategy: which offers are good enough, and which best; by default the most work for the price.
        subnet_tag: the part of the market to buy on; by default ``YAGNA_SUBNET``, else all of it.
        payment_driver: how is paid, ``erc20`` or ``voucher``; by default ``YAGNA_PAYMENT_DRIVER``, else as
            the daemon prefers.
        deposit: the id of a deposit for this node that pays instead of its account; it is for one run.
        trusted: classes, besides plain data, that results may hold.
        report: where a page about the run goes at its end, as HTML that needs nothing else.
        run: a name by which a run that was killed goes on: what was done is not done again.
        min_mem_gib: memory that a machine must have.
        min_cpu_threads: processors, likewise.
        event_consumer: hears every event; by default the important ones are lines on a terminal.

    Raises:
        GolemError: an argument makes no sense, or there is no application key.
    """

    def __init__(
        self,
        budget: float | Decimal,
        *,
        image: str = "python",
        workers: int = 5,
        retries: int = 3,
        timeout: timedelta = timedelta(hours=1),
        max_price: float | Decimal | None = None,
        strategy: MarketStrategy | None = None,
        subnet_tag: str | None = None,
        payment_driver: str | None = None,
        deposit: str | None = None,
        trusted: Sequence[type] = (),
        run: str | None = None,
        report: str | os.PathLike[str] | None = None,
        min_mem_gib: float = 0.25,
        min_cpu_threads: int = 1,
        event_consumer: Consumer | None = None,
    ) -> None:
        check(
            image=image,
            workers=workers,
            retries=retries,
            timeout=timeout or timedelta(0),
            max_price=max_price,
            strategy=strategy,
            run=run,
            report=report,
            min_mem_gib=min_mem_gib,
            min_cpu_threads=min_cpu_threads,
            event_consumer=event_consumer,
            trusted=trusted,
        )
        self._workers, self._retries = workers, retries
        self._trusted = tuple(trusted)
        self._image = image
        self._needs = (min_mem_gib, min_cpu_threads)
        self._consume = event_consumer or Notes()
        self._history = History(run, report, self._consume, self._say)
        self._buyer = Buyer(
            budget=budget,
            timeout=timeout,
            strategy=strategy or _strategy(max_price),
            subnet_tag=subnet_tag,
            emit=self._history.hear,
            platform=chosen_platform(payment_driver),
            deposit=deposit,
        )
        self._services: list[Service] = []
        self._shelf: Shelf | None = None
        self._is_open = self._has_opened = False

    async def __aenter__(self) -> Self:
        self._history.open(self._buyer)
        try:
            await self._buyer.__aenter__()
        except BaseException:
            self._close(has_ended=False)
            raise
        self._is_open = self._has_opened = True
        history = self._history
        buyer, note = self._buyer, history.book.note
        self._pools = Pools(buyer, buyer.demand, self._needs, note, history.hear, self._say)
        self._interrupts = Interrupts(self._drain, _tell)
        self._interrupts.listen()
        history.reserved(self._buyer.allocation_id)
        if isinstance(self._consume, Notes):
            self._consume.cost = self._buyer.most
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = error or await self._wait_for_submitted()
        try:
            await self._end(end)
        except asyncio.CancelledError as cancelled:
            if not self._interrupts.has_ended(cancelled):
                raise
            end = end or cancelled
        finally:
            self._interrupts.close()
            self._close(has_ended=end is None)
        if self._interrupts.has_ended(end):
            raise KeyboardInterrupt from None
        if end is not None and end is not error:
            raise end

    async def _wait_for_submitted(self) -> BaseException | None:
        """Wait for the calls that nobody has waited for; what has ended that, if it was not their end."""
        before = self._interrupts.count
        try:
            await self._all_submitted()
        except asyncio.CancelledError as cancelled:
            return cancelled
        return Interrupted() if self._interrupts.count > before else None

    async def _end(self, error: BaseException | None) -> None:
        self._is_open = False
        self._interrupts.pay()
        self._buyer.ending()
        try:
            await asyncio.gather(*(service.close(error) for service in self._services))
            if self._shelf is not None:
                await self._shelf.close(error)
            await self._pools.close()
        finally:
            await self._buyer.__aexit__(None, error, None)

    def _close(self, has_ended: bool) -> None:
        if isinstance(self._consume, Notes):
            self._consume.close()
        report = self.report()
        self._history.close(report, self._buyer.budget.total, has_ended=has_ended)
        if self._has_opened:
            self._say(ending(report))

    # -- services ------------------------------------------------------------------------------------------

    def service(
        self,
        command: str | Sequence[str],
        *,
        image: str | None = None,
        port: int | None = None,
        instances: int | None = None,
        ready: int | None = None,
        healthy: Check | None = None,
        restart: Restart = "always",
        files: Sequence[str | os.PathLike[str]] = (),
        listen: int = 0,
        ready_within: timedelta = timedelta(minutes=1),
        resume: Sequence[dict[str, Any]] = (),
    ) -> Service:
        """A command that goes on, at so many machines: ``async with golem.service(...) as service``.

        Args:
            command: a program and its arguments, or a shell command; it must not go to the background.
            image: what it runs in; by default that of this Golem.
            port: where it listens, if it does.
            instances: at how many machines; one by default, or as many as are resumed.
            ready: how many of them are ready when the service is entered; by default all.
            healthy: ``http("/path")``, ``tcp()``, or any function of an instance; by default ``tcp()`` if
                there is a port.
            restart: what becomes of an instance that ends or is not healthy: ``always``, ``on-failure`` or
                ``never``. It is started at another machine, where there is one.
            files: files of this machine, sent into its folder.
            listen: the port of this machine for ``service.url``; by default any that is free.
            ready_within: after that, an instance that is not healthy has failed.
            resume: what ``service.suspend()`` has returned.
        """
        from golemnet.requestor.published.configuration import ApiConfig
        from golemnet.sdk.instances import Plan
        from golemnet.sdk.services import Desk, Service
        from golemnet.sdk.shelf import Shelf  # not many programs need all that

        check(
            command=command,
            image=self._image if image is None else image,
            port=port,
            instances=instances,
            ready=ready,
            healthy=healthy,
            restart=restart,
            files=files,
            listen=listen,
            ready_within=ready_within,
        )
        wanted = (len(resume) or 1) if instances is None else instances
        paths = [each.path for each in common_files(files)]

        async def desk() -> tuple[Desk, Plan]:
            self._check_open()
            found = await find_image(image or self._image, *self._needs, self._say)
            me = await self._buyer.client.identity.me()
            plan = Plan(
                command=command,
                port=port,
                files=paths,
                healthy=healthy or (None if port is None else tcp()),
                restart=restart,
                retries=self._retries,
                ready_s=ready_within.total_seconds(),
                owner_id=me.identity,
                client=self._buyer.client,
            )
            return Desk(self._buyer, ApiConfig(), found, self._history.hear), plan

        self._shelf = self._shelf or Shelf()
        service = Service(desk, wanted, wanted if ready is None else ready, listen, resume, self._shelf)
        self._services.append(service)
        return service

    # -- money ---------------------------------------------------------------------------------------------

    async def estimate(self, tasks: int, seconds: float, **options: Unpack[RunOptions]) -> Estimate:
        """What ``tasks`` of ``seconds`` each would cost at the prices of now. Nothing is bought.

        Raises:
            GolemError: nobody offers what is needed.
        """
        check_options(options)
        check(tasks=tasks, seconds=seconds)
        pool = await self._pool(options, needs_python=False)
        offers = await pool.market.offers(OFFERS_S, QUIET_S)
        found = estimate(offers, tasks, seconds, options.get("workers", self._workers))
        if found is None:
            nobody = await pool.market.nobody()
            raise GolemError("There are no offers to estimate with.", why=str(nobody or "Nobody answers."))
        return found

    def report(self) -> CostReport:
        """What it has cost until now, by provider and by task."""
        if not self._has_opened:
            return CostReport(Decimal(0), [], [])
        return self._history.book.report(self._buyer.cashier.costs(), self._buyer.budget.promised)

    # -- inside --------------------------------------------------------------------------------------------

    def _start(self, pool: Pool, call: Call, options: RunOptions) -> asyncio.Future[Outcome]:
        return self._history.once(call, lambda: self._ask(pool, call, options))

    def _hear(self, event: Event) -> None:
        self._history.hear(event)

    async def _pool(self, options: RunOptions, needs_python: bool) -> Pool:
        self._check_open()
        image, workers = options.get("image", self._image), options.get("workers", self._workers)
        return await self._pools.get(image, workers, needs_python)

    def _check_open(self) -> None:
        if not self._is_open:
            raise GolemError(
                "This Golem is not open.", next_step="Use it as `async with Golem(...) as golem:`."
            )
        if self._interrupts.count:
            raise Interrupted

    def _drain(self) -> bool:
        """Ctrl-C: let what is running come to its end; whether anything is running."""
        is_busy = self._pools.drain()
        serving = [each for each in self._services if each.is_open]
        if serving:
            self._ending = asyncio.create_task(self._drain_services(serving))
        return is_busy or bool(serving)

    async def _drain_services(self, serving: Sequence[Service]) -> None:
        """Services have no end of their own: when nobody uses them any more, the program is stopped."""
        await asyncio.gather(self._pools.drained(), *(each.drain() for each in serving))
        self._interrupts.stop(text="")  # what happens now was said

    def _say(self, text: str) -> None:
        if isinstance(self._consume, Notes):
            self._consume.say(text)


def _tell(text: str) -> None:
    """A line for people, also where there is no terminal."""
    print(text, file=sys.stderr, flush=True)


def _strategy(max_price: float | Decimal | None) -> MarketStrategy:
    if max_price is None:
        return BestValue()
    return BestValue(Decimal(str(max_price)))

"""A run: buys what it needs, gives tasks to workers at providers, pays, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from operator import length_hint
from types import TracebackType
from typing import Self, TypeVar

from golemnet.clock import Clock, SystemClock
from golemnet.errors import GolemError
from golemnet.gftp.daemon_address import daemon_of
from golemnet.model.money import format_amount, parse_amount
from golemnet.requestor.budget import Budget
from golemnet.requestor.demand import Package, compose
from golemnet.requestor.errors import BudgetExhausted, RunTimeout
from golemnet.requestor.events import Consumer, RunEnded, RunStarted
from golemnet.requestor.files import SharedFolder
from golemnet.requestor.market import Market
from golemnet.requestor.payments import Cashier
from golemnet.requestor.run import Run
from golemnet.requestor.strategies import DummyMS, MarketStrategy
from golemnet.requestor.summary import printer
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.worker import Worker, check_worker
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError, Unauthorized
from golemnet.rest.payment import Allocation
from golemnet.rest.transport import DaemonUnreachable

INVOICES_S = 30.0
# The allocation outlives the run, so that late invoices find it.
ALLOCATION_MARGIN = timedelta(minutes=30)
BUDGET_CHECK_S = 1.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class Engine:
    """Executes tasks on the network; an asynchronous context manager.

    Args:
        package: the image that providers run.
        max_workers: at most so many providers at once.
        timeout: after it the run has failed.
        budget: GLM for the whole run; it is never exceeded.
        strategy: which offers are good enough; by default all that are not absurdly dear.
        subnet_tag: the part of the market to buy on; by default ``YAGNA_SUBNET``, else all of it.
        event_consumer: hears what happens; by default lines on stderr.

    Raises:
        GolemError: an argument makes no sense, or there is no application key.
    """

    def __init__(
        self,
        *,
        package: Package,
        max_workers: int = 5,
        timeout: timedelta = timedelta(minutes=5),
        budget: float | Decimal,
        strategy: MarketStrategy | None = None,
        subnet_tag: str | None = None,
        event_consumer: Consumer | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._package = package
        self._max_workers = _checked(
            max_workers, max_workers >= 1, "max_workers is the number of providers: 1 or more"
        )
        self._timeout = _checked(timeout, timeout > timedelta(0), "timeout must be longer than nothing")
        self._budget = Budget(_amount(budget))
        self._strategy = strategy or DummyMS()
        self._subnet = subnet_tag or os.environ.get("YAGNA_SUBNET") or None
        self._emit = event_consumer or printer()
        self._clock = clock or SystemClock()
        self._client = Client.from_environment()
        self._accepted = 0
        self._runs: list[Run] = []

    async def __aenter__(self) -> Self:
        self._started = time.monotonic()
        self._expires = self._clock.now() + self._timeout
        self._stack = AsyncExitStack()
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # a loop that was left by `break` has not stopped its run
            await asyncio.gather(*(run.stop() for run in self._runs))
            await self._finish()
        finally:
            await self._stack.aclose()

    async def map(self, worker: Worker, data: Iterable[AnyTask]) -> AsyncIterator[AnyTask]:
        """Give each task to ``worker`` at some provider; yields tasks as they are done.

        Raises:
            RunTimeout: the engine's timeout is over.
            TaskFailed: a task failed too often.
            WorkerFailed: no worker gets as far as a task.
            NoWorker: the worker is no asynchronous generator.
            BudgetExhausted: going on could cost more than the budget.
        """
        check_worker(worker)
        run = Run(
            client=self._client,
            clock=self._clock,
            market=self._market,
            cashier=self._cashier,
            files=self._files,
            worker=worker,
            queue=TaskQueue(data),
            max_workers=useful_workers(data, self._max_workers),
            emit=self._emit,
        )
        self._runs.append(run)
        try:
            async for task in self._until_done(run):
                self._accepted += 1
                yield task
        finally:
            await run.stop()
            self._runs.remove(run)

    async def _until_done(self, run: Run) -> AsyncIterator[AnyTask]:
        run.start()
        while (task := await self._next_done(run)) is not None:
            yield task

    async def _next_done(self, run: Run) -> AnyTask | None:
        while True:
            try:
                async with asyncio.timeout(self._next_look_s()):
                    return await run.next_done()
            except TimeoutError:
                pass
            await self._check_limits()

    def _next_look_s(self) -> float:
        left = (self._expires - self._clock.now()).total_seconds()
        return max(min(left, BUDGET_CHECK_S), 0.0)

    async def _check_limits(self) -> None:
        now = self._clock.now()
        if now >= self._expires:
            raise await self._timed_out()
        most = self._cashier.most(now)
        if most >= self._budget.total:
            raise BudgetExhausted(
                f"The run was stopped at its budget of {format_amount(self._budget.total)} GLM.",
                why=f"{self._accepted} tasks are done; all work so far can cost {format_amount(most)} GLM.",
                next_step="Raise the budget, or use cheaper providers by a strategy.",
            )

    async def _timed_out(self) -> RunTimeout:
        what = f"The run did not end within {self._timeout.total_seconds():g} s."
        nobody = await self._market.nobody()
        if nobody is None:
            why, hint = f"{self._accepted} tasks were done.", "Give it a longer timeout, or more workers."
        else:
            why, hint = f"{nobody}.", "Demand what is on the market: subnet_tag, min_mem_gib and the like."
        return RunTimeout(what, why=why, next_step=hint)

    # -- beginning and end ---------------------------------------------------------------------------------

    async def _open(self) -> None:
        stack = self._stack
        await stack.enter_async_context(self._client)
        self._files = await stack.enter_async_context(SharedFolder(daemon_of(os.environ)))
        self._allocation = await self._reserve()
        stack.push_async_callback(self._release)
        since = self._clock.now()
        allocation_id = self._allocation.allocation_id
        self._cashier = Cashier(self._client, self._clock, self._budget, allocation_id, self._emit)
        self._market = await self._publish()
        stack.push_async_callback(self._market.withdraw)
        self._background = [
            asyncio.create_task(self._cashier.run(since)),
            asyncio.create_task(self._market.run()),
        ]
        stack.push_async_callback(self._stop_background)

    async def _reserve(self) -> Allocation:
        until = self._expires + ALLOCATION_MARGIN
        try:
            return await self._client.payment.create_allocation(self._budget.total, timeout=until)
        except Unauthorized:
            raise
        except ApiError as error:
            raise GolemError(
                f"{format_amount(self._budget.total)} GLM cannot be reserved for the run.",
                why=str(error),
                next_step="Or lower the budget; `yagna payment status` shows what there is.",
            ) from error

    async def _publish(self) -> Market:
        decoration = await self._client.payment.get_demand_decorations([self._allocation.allocation_id])
        identity = await self._client.identity.me()
        demand = compose(self._package, self._subnet, self._expires, decoration, identity.name)
        market = Market(self._client, self._clock, demand, self._strategy, self._emit)
        demand_id = await market.publish()
        self._emit(
            RunStarted(
                demand_id=demand_id,
                budget=self._budget.total,
                platform=self._allocation.payment_platform,
            )
        )
        return market

    async def _finish(self) -> None:
        """Wait for the invoices of all agreements; what comes later stays reserved in vain for a while."""
        unpaid = await self._cashier.settle(INVOICES_S)
        self._emit(
            RunEnded(
                seconds=time.monotonic() - self._started,
                accepted=self._accepted,
                spent=self._budget.promised,
                unpaid=unpaid,
            )
        )

    async def _stop_background(self) -> None:
        for task in self._background:
            task.cancel()
        for outcome in await asyncio.gather(*self._background, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("the run's background failed why=%s", repr(outcome))

    async def _release(self) -> None:
        """Give back what is not spent. The daemon keeps what was accepted."""
        with suppress(ApiError, DaemonUnreachable):
            await self._client.payment.release_allocation(self._allocation.allocation_id)

    @property
    def expires(self) -> datetime:
        """When the run ends at the latest."""
        return self._expires


def useful_workers(data: Iterable[AnyTask], most: int) -> int:
    """As many as there are tasks, if that is known; one at least, to find out that there is none."""
    return max(min(most, length_hint(data, most)), 1)


def _checked(value: T, is_good: bool, what: str) -> T:
    if not is_good:
        raise GolemError(f"{what}, not {value}.")
    return value


def _amount(budget: float | Decimal) -> Decimal:
    try:
        amount = parse_amount(str(budget))
    except ValueError as error:
        raise GolemError("budget is an amount of GLM above 0.", why=f"{error}.") from error
    return _checked(amount, amount > 0, "budget is an amount of GLM above 0")

"""A run: buys what it needs, gives tasks to workers at providers, pays, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from operator import length_hint
from types import TracebackType
from typing import Self

from golemnet.clock import Clock
from golemnet.requestor.buyer import Buyer, checked
from golemnet.requestor.demand import Package
from golemnet.requestor.events import Consumer
from golemnet.requestor.strategies import DummyMS, MarketStrategy
from golemnet.requestor.summary import printer
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.worker import Worker, check_worker

BUDGET_CHECK_S = 1.0


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
        self._max_workers = checked(
            max_workers, max_workers >= 1, "max_workers is the number of providers: 1 or more"
        )
        self._buyer = Buyer(
            budget=budget,
            timeout=timeout,
            strategy=strategy or DummyMS(),
            subnet_tag=subnet_tag,
            emit=event_consumer or printer(),
            clock=clock,
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._buyer)
            self._market = await self._buyer.demand(self._package)
            stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._buyer.__aexit__(kind, error, trace)

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
        buyer = self._buyer
        run = buyer.start(self._market, worker, TaskQueue(data), useful_workers(data, self._max_workers))
        try:
            while (task := await buyer.next_done(run, BUDGET_CHECK_S)) is not None:
                buyer.accepted += 1
                yield task
        finally:
            await buyer.stop(run)

    @property
    def expires(self) -> datetime:
        """When the run ends at the latest."""
        return self._buyer.expires


def useful_workers(data: Iterable[AnyTask], most: int) -> int:
    """As many as there are tasks, if that is known; one at least, to find out that there is none."""
    return max(min(most, length_hint(data, most)), 1)

"""Functions and commands on many machines: ``async with Golem(budget=1.0) as golem: golem.map(...)``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer, checked
from golemnet.requestor.events import Consumer
from golemnet.requestor.strategies import MarketStrategy
from golemnet.sdk.calls import Call, Kind, Outcome
from golemnet.sdk.commands import CommandKind, Finished, OneCommand
from golemnet.sdk.costs import CostReport, Estimate, estimate
from golemnet.sdk.functions import FunctionKind
from golemnet.sdk.history import History
from golemnet.sdk.interrupts import Interrupted, Interrupts
from golemnet.sdk.options import Options
from golemnet.sdk.packing import pack_call, pack_function
from golemnet.sdk.pool import Pool, value_of
from golemnet.sdk.pools import Pools
from golemnet.sdk.progress import Notes, ending
from golemnet.sdk.replicas import Replicas
from golemnet.sdk.strategies import BestValue
from golemnet.sdk.stream import Stream

MIN_WINDOW, WINDOW_PER_WORKER = 256, 32
OFFERS_S = 3.0
QUIET_S = 0.5

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
Items = Iterable[T] | AsyncIterable[T]


class Golem:
    """Other people's machines, as a pool for functions and shell commands; an asynchronous context manager.

    Args:
        budget: GLM for everything; it is never exceeded.
        image: what functions run in unless a call says otherwise: ``python``, a tag, or a hash.
        workers: at most so many machines at once, for each image.
        retries: how often a call goes to another machine when one is lost, or when ``verify`` refuses.
        timeout: after it everything has failed.
        max_price: GLM for an hour of a machine; dearer ones are refused.
        strategy: which offers are good enough, and which best; by default the most work for the price.
        subnet_tag: the part of the market to buy on; by default ``YAGNA_SUBNET``, else all of it.
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
        trusted: Sequence[type] = (),
        run: str | None = None,
        report: str | os.PathLike[str] | None = None,
        min_mem_gib: float = 0.25,
        min_cpu_threads: int = 1,
        event_consumer: Consumer | None = None,
    ) -> None:
        self._image = image
        self._workers = checked(workers, workers >= 1, "workers is a number of machines: 1 or more")
        self._retries = checked(retries, retries >= 0, "retries is a number of attempts after the first")
        self._needs = (min_mem_gib, min_cpu_threads)
        self._trusted = tuple(trusted)
        self._consume = event_consumer or Notes()
        self._history = History(run, report, self._consume, self._say)
        self._buyer = Buyer(
            budget=budget,
            timeout=timeout,
            strategy=strategy or _strategy(max_price),
            subnet_tag=subnet_tag,
            emit=self._history.hear,
        )
        self._functions: dict[str, FunctionKind] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._history.open(self._buyer)
        try:
            await self._buyer.__aenter__()
        except BaseException:
            self._close(has_ended=False)
            raise
        self._is_open = True
        history = self._history
        self._pools = Pools(self._buyer, self._needs, history.book.note, history.hear, self._say)
        self._interrupts = Interrupts(self._pools.drain, _tell)
        self._interrupts.listen()
        history.reserved(self._buyer.allocation_id)
        if isinstance(self._consume, Notes):
            self._consume.cost = lambda: self._buyer.budget.promised
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pools.close()
        try:
            await self._buyer.__aexit__(kind, error, trace)
        finally:
            self._interrupts.close()
            self._close(has_ended=error is None)
        if self._interrupts.has_ended(error):
            raise KeyboardInterrupt from None

    def _close(self, has_ended: bool) -> None:
        report = self.report()
        self._history.close(report, self._buyer.budget.total, has_ended=has_ended)
        if self._is_open:
            self._say(ending(report))

    # -- work ----------------------------------------------------------------------------------------------

    @overload
    def map(
        self, work: str, items: Items[Any], **options: Unpack[Options]
    ) -> AsyncGenerator[Finished, None]: ...

    @overload
    def map(
        self, work: Callable[[T], R], items: Items[T], **options: Unpack[Options]
    ) -> AsyncGenerator[R, None]: ...

    def map(
        self, work: str | Callable[[Any], Any], items: Items[Any], **options: Unpack[Options]
    ) -> AsyncGenerator[Any, None]:
        """The results of ``work`` for each item, as an asynchronous iterator.

        Args:
            work: a function of one argument, or a shell command in which ``{}`` stands for the item.
            items: any iterable, also an asynchronous or endless one; it is read as far as is needed.
            options: see ``Options``.

        Raises:
            CannotTravel: the function or an argument cannot be sent.
            TaskFailed: an item failed at all the providers that tried it.
            RunTimeout, BudgetExhausted: a limit of this Golem is reached.
            ShellFailed: a command has ended with another status than 0.
            Exception: what the function has raised, with its remote traceback.
        """
        if isinstance(work, str):
            command = CommandKind(work, options.get("output", "."))
            return self._map(command, command.files, items, options)
        function = self._function(work)
        return self._map(function, lambda item: pack_call(function.name, [item], {}), items, options)

    def starmap(
        self, work: Callable[..., R], items: Items[Iterable[Any]], **options: Unpack[Options]
    ) -> AsyncGenerator[R, None]:
        """The same as ``map`` for a function of several arguments: ``work(*item)``."""
        function = self._function(work)
        return self._map(function, lambda item: pack_call(function.name, tuple(item), {}), items, options)

    def submit(self, work: Callable[P, R], *positional: P.args, **named: P.kwargs) -> asyncio.Task[R]:
        """One call, which begins at once; await its result."""
        function = self._function(work)
        item = positional[0] if len(positional) == 1 and not named else (positional, named)
        call = Call(function, item, pack_call(function.name, positional, named))
        return asyncio.create_task(self._one(call, {}))

    async def run(
        self, command: str, files: Sequence[str | os.PathLike[str]] = (), **options: Unpack[Options]
    ) -> Finished:
        """One shell command, with these files in its folder. Raises ShellFailed."""
        kind = OneCommand(command, options.get("output", "."))
        return await self._one(
            Call(
                kind,
                command,
                [found for file in files for found in kind.files(file)],
                None,
                _seconds(options),
            ),
            options,
        )

    # -- money ---------------------------------------------------------------------------------------------

    async def estimate(self, tasks: int, seconds: float, **options: Unpack[Options]) -> Estimate:
        """What ``tasks`` of ``seconds`` each would cost at the prices of now. Nothing is bought.

        Raises:
            GolemError: nobody offers what is needed.
        """
        pool = await self._pool(options, needs_python=False)
        offers = await pool.market.offers(OFFERS_S, QUIET_S)
        found = estimate(offers, tasks, seconds, options.get("workers", self._workers))
        if found is None:
            nobody = await pool.market.nobody()
            raise GolemError("There are no offers to estimate with.", why=str(nobody or "Nobody answers."))
        return found

    def report(self) -> CostReport:
        """What it has cost until now, by provider and by task."""
        if not self._is_open:
            return CostReport(Decimal(0), [], [])
        return self._history.book.report(self._buyer.cashier.costs(), self._buyer.budget.promised)

    # -- inside --------------------------------------------------------------------------------------------

    def _function(self, work: Callable[..., Any]) -> FunctionKind:
        """A function is packed anew for each map: what it refers to may have changed."""
        function = pack_function(work)
        return self._functions.setdefault(function.key, FunctionKind(function, self._trusted))

    async def _one(self, call: Call, options: Options) -> Any:
        pool = await self._pool(options, isinstance(call.kind, FunctionKind))
        return value_of(await self._start(pool, call, options))

    async def _map(
        self, kind: Kind, pack: Callable[[Any], Any], items: Items[Any], options: Options
    ) -> AsyncGenerator[Any, None]:
        pool = await self._pool(options, isinstance(kind, FunctionKind))
        verify, catches = options.get("verify"), options.get("return_exceptions", False)
        workers, limit_s = options.get("workers", self._workers), _seconds(options)
        stream = Stream(
            items,
            lambda item: self._start(pool, Call(kind, item, pack(item), verify, limit_s), options),
            options.get("window", max(MIN_WINDOW, WINDOW_PER_WORKER * workers)),
            options.get("ordered", True),
        )
        async with aclosing(stream.results()) as results:
            async for future in results:
                error = _error(future) if catches else None
                yield value_of(future.result()) if error is None else error

    def _start(self, pool: Pool, call: Call, options: Options) -> asyncio.Future[Outcome]:
        key = self._history.key(call)
        if key is None:
            return self._ask(pool, call, options)
        once = self._history.once(key, call, lambda: self._ask(pool, call, options))
        return asyncio.ensure_future(once)

    def _ask(self, pool: Pool, call: Call, options: Options) -> asyncio.Future[Outcome]:
        attempts = options.get("retries", self._retries) + 1
        replicas = options.get("replicas", 1)
        if replicas == 1:
            return pool.submit(call, attempts)
        copies = Replicas(replicas, attempts, options.get("agree"), self._history.hear)
        return asyncio.ensure_future(copies.call(pool, call, attempts))

    async def _pool(self, options: Options, needs_python: bool) -> Pool:
        if not self._is_open:
            raise GolemError(
                "This Golem is not open.", next_step="Use it as `async with Golem(...) as golem:`."
            )
        if self._interrupts.count:
            raise Interrupted
        image, workers = options.get("image", self._image), options.get("workers", self._workers)
        return await self._pools.get(image, workers, needs_python)

    def _say(self, text: str) -> None:
        if isinstance(self._consume, Notes):
            self._consume.say(text)


def _tell(text: str) -> None:
    """A line for people, also where there is no terminal."""
    print(text, file=sys.stderr, flush=True)


def _seconds(options: Options) -> float | None:
    timeout = options.get("timeout")
    return None if timeout is None else timeout.total_seconds()


def _error(future: asyncio.Future[Outcome]) -> BaseException | None:
    """What a call has raised, there or on its way. What ends the program is none of that."""
    error = future.exception() or future.result().error
    return error if isinstance(error, Exception) else None


def _strategy(max_price: float | Decimal | None) -> MarketStrategy:
    if max_price is None:
        return BestValue()
    return BestValue(checked(Decimal(str(max_price)), max_price >= 0, "max_price is GLM for an hour"))

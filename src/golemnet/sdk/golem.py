"""Functions and commands on many machines: ``async with Golem(budget=1.0) as golem: golem.map(...)``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer, checked
from golemnet.requestor.events import Consumer, Event, ProviderDisagreed, TaskRecalled, TaskRetried
from golemnet.requestor.strategies import MarketStrategy
from golemnet.requestor.worker import STOPPED
from golemnet.sdk.calls import Call, Kind, Outcome
from golemnet.sdk.commands import CommandKind, Finished, OneCommand
from golemnet.sdk.costs import Book, CostReport, Estimate, estimate
from golemnet.sdk.functions import FunctionKind
from golemnet.sdk.images import check_python, find_image
from golemnet.sdk.interrupts import Interrupts
from golemnet.sdk.journal import Journal
from golemnet.sdk.options import Options
from golemnet.sdk.packing import pack_call, pack_function
from golemnet.sdk.pool import Pool, value_of
from golemnet.sdk.progress import Notes, ending
from golemnet.sdk.providers import learn
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
        min_mem_gib: float = 0.25,
        min_cpu_threads: int = 1,
        event_consumer: Consumer | None = None,
    ) -> None:
        self._image = image
        self._workers = checked(workers, workers >= 1, "workers is a number of machines: 1 or more")
        self._retries = checked(retries, retries >= 0, "retries is a number of attempts after the first")
        self._needs = (min_mem_gib, min_cpu_threads)
        self._trusted = tuple(trusted)
        self._name = run or os.environ.get("GOLEM_RUN")
        self._journal: Journal | None = None
        self._consume = event_consumer or Notes()
        self._book = Book()
        self._buyer = Buyer(
            budget=budget,
            timeout=timeout,
            strategy=strategy or _strategy(max_price),
            subnet_tag=subnet_tag,
            emit=self._hear,
        )
        self._pools: dict[tuple[str, int], asyncio.Task[Pool]] = {}
        self._functions: dict[str, FunctionKind] = {}
        self._banned: set[str] = set()
        self._interrupts = Interrupts(self._drain, self._tell)
        self._draining: list[asyncio.Task[None]] = []
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._open_journal()
        try:
            await self._buyer.__aenter__()
        except BaseException:
            self._close_journal(has_ended=False)
            raise
        self._is_open = True
        self._interrupts.listen()
        if self._journal is not None:
            self._journal.reserved(self._buyer.allocation_id)
        if isinstance(self._consume, Notes):
            self._consume.cost = lambda: self._buyer.budget.promised
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (*self._pools.values(), *self._draining):
            task.cancel()
        found = await asyncio.gather(*self._pools.values(), return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in found if isinstance(pool, Pool)))
        try:
            await self._buyer.__aexit__(kind, error, trace)
        finally:
            self._interrupts.close()
            self._learn()
            self._close_journal(has_ended=error is None)
        if isinstance(self._consume, Notes):
            self._consume.say(ending(self.report()))
        if self._interrupts.is_stopped and isinstance(error, asyncio.CancelledError):
            raise KeyboardInterrupt from None

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
        pool = await self._pool(self._image_of(options), options, needs_python=False)
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
        return self._book.report(self._buyer.cashier.costs(), self._buyer.budget.promised)

    # -- inside --------------------------------------------------------------------------------------------

    def _function(self, work: Callable[..., Any]) -> FunctionKind:
        """A function is packed anew for each map: what it refers to may have changed."""
        function = pack_function(work)
        return self._functions.setdefault(function.key, FunctionKind(function, self._trusted))

    async def _one(self, call: Call, options: Options) -> Any:
        pool = await self._pool(self._image_of(options), options, isinstance(call.kind, FunctionKind))
        return value_of(await self._start(pool, call, options))

    async def _map(
        self, kind: Kind, pack: Callable[[Any], Any], items: Items[Any], options: Options
    ) -> AsyncGenerator[Any, None]:
        pool = await self._pool(self._image_of(options), options, isinstance(kind, FunctionKind))
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
        key = self._journal.key(call) if self._journal else None
        if key is None:
            return self._ask(pool, call, options)
        return asyncio.ensure_future(self._ask_once(key, pool, call, options))

    async def _ask_once(self, key: str, pool: Pool, call: Call, options: Options) -> Outcome:
        """What the call came to before the run was killed, else what it comes to now."""
        assert self._journal is not None
        if (known := self._journal.recall(key, call)) is not None:
            self._hear(TaskRecalled(data=repr(call)))
            return known
        outcome = await self._ask(pool, call, options)
        if outcome.error is None:
            self._journal.note(key, outcome)
        return outcome

    def _ask(self, pool: Pool, call: Call, options: Options) -> asyncio.Future[Outcome]:
        attempts = options.get("retries", self._retries) + 1
        replicas = options.get("replicas", 1)
        if replicas == 1:
            return pool.submit(call, attempts)
        copies = Replicas(replicas, attempts, options.get("agree"), self._hear)
        return asyncio.ensure_future(copies.call(pool, call, attempts))

    def _image_of(self, options: Options) -> str:
        return options.get("image", self._image)

    async def _pool(self, image: str, options: Options, needs_python: bool) -> Pool:
        """The workers for an image; they are looked for at the first call."""
        if not self._is_open:
            raise GolemError(
                "This Golem is not open.", next_step="Use it as `async with Golem(...) as golem:`."
            )
        workers = options.get("workers", self._workers)
        key = (image, workers)
        if self._interrupts.count:
            raise KeyboardInterrupt
        if key not in self._pools or _has_failed(self._pools[key]):
            self._pools[key] = asyncio.create_task(self._open_pool(image, workers, needs_python))
        return await asyncio.shield(self._pools[key])

    async def _open_pool(self, name: str, workers: int, needs_python: bool) -> Pool:
        image = await find_image(name, *self._needs, self._say)
        if needs_python:
            check_python(image, name)
        market = await self._buyer.demand(image)
        return Pool(self._buyer, market, workers, self._banned, self._book.note, self._hear)

    def _learn(self) -> None:
        """Keep what was seen of the providers for later runs, if there is a place for it."""
        self.report()
        with suppress(OSError):
            learn(self._book.seen())

    def _drain(self) -> bool:
        """Ctrl-C: finish what is running; whether anything is."""
        pools = [each.result() for each in self._pools.values() if _is_there(each)]
        busy = [pool for pool in pools if pool.is_busy]
        self._draining = [asyncio.create_task(pool.drain(KeyboardInterrupt())) for pool in busy]
        return bool(busy)

    def _open_journal(self) -> None:
        if self._name is not None:
            self._journal = Journal(self._name)
            self._buyer.earlier = self._journal.earlier
            if self._journal.done:
                self._say(f"the run {self._name} goes on, {self._journal.done} results are known")

    def _close_journal(self, has_ended: bool) -> None:
        if self._journal is None:
            return
        if has_ended:
            self._journal.end()
        else:
            self._say(f"what was done is kept: golem resume {self._name}")
        self._journal.close()

    def _hear(self, event: Event) -> None:
        if isinstance(event, TaskRetried) and event.problem != STOPPED:
            self._book.note_failure(event.provider_id, event.provider_name)
        if isinstance(event, ProviderDisagreed):
            self._book.note_dispute(event.provider_id, event.provider_name)
        if self._journal is not None:
            self._journal.hear(event)
        self._consume(event)

    def _tell(self, text: str) -> None:
        """A line for people, also where there is no terminal."""
        print(text, file=sys.stderr, flush=True)

    def _say(self, text: str) -> None:
        if isinstance(self._consume, Notes):
            self._consume.say(text)


def _seconds(options: Options) -> float | None:
    timeout = options.get("timeout")
    return None if timeout is None else timeout.total_seconds()


def _has_failed(task: asyncio.Task[Pool]) -> bool:
    return task.done() and (
        task.cancelled() or task.exception() is not None or task.result().failure is not None
    )


def _is_there(task: asyncio.Task[Pool]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _error(future: asyncio.Future[Outcome]) -> BaseException | None:
    """What a call has raised, there or on its way. What ends the program is none of that."""
    error = future.exception() or future.result().error
    return error if isinstance(error, Exception) else None


def _strategy(max_price: float | Decimal | None) -> MarketStrategy:
    if max_price is None:
        return BestValue()
    return BestValue(checked(Decimal(str(max_price)), max_price >= 0, "max_price is GLM for an hour"))

"""What all runs of a script share: the daemon, the files, and one budget that is never exceeded."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from golemnet.clock import Clock, SystemClock
from golemnet.errors import GolemError
from golemnet.gftp.daemon_address import DaemonAddress, daemon_of
from golemnet.model import names
from golemnet.model.money import format_amount, parse_amount, short_amount
from golemnet.requestor.budget import Budget
from golemnet.requestor.demand import DemandText, Package, compose
from golemnet.requestor.details import Listener, ignore
from golemnet.requestor.errors import BudgetExhausted, RunTimeout
from golemnet.requestor.events import Consumer, Event, NothingMatched, RunEnded, RunStarted
from golemnet.requestor.files import SharedFolder
from golemnet.requestor.leftovers import Leftovers
from golemnet.requestor.market import Market, Tailor
from golemnet.requestor.payments import Cashier
from golemnet.requestor.platforms import chosen_platform
from golemnet.requestor.reserving import reserve
from golemnet.requestor.run import Run
from golemnet.requestor.session import DAEMON_AWAY_S
from golemnet.requestor.strategies import MarketStrategy
from golemnet.requestor.summary import counted
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.termination import Termination
from golemnet.requestor.unfinished import unfinished
from golemnet.requestor.wills import LATE_FOR, State, Will, give_back, wind_up_the_dead
from golemnet.requestor.worker import Drive, Worker, driving
from golemnet.rest.client import Client
from golemnet.rest.payment import Decoration, MarketDecoration
from golemnet.rest.transport import DaemonUnreachable

INVOICES_S = 30.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class Buyer:
    """Buys for any number of runs from one allocation; an asynchronous context manager.

    Args:
        budget: GLM for everything; never exceeded.
        timeout: after it everything has failed.
        strategy: which offers are good enough.
        subnet_tag: the part of the market to buy on; by default ``YAGNA_SUBNET``, else all of it.
        emit: hears what happens.
        clock: time.
        daemon: which one; by default that of the environment.
        platform: how is paid, like ``erc20-holesky-tglm``; by default as ``YAGNA_PAYMENT_DRIVER`` and
            ``YAGNA_PAYMENT_NETWORK`` say, else as the daemon prefers.
        deposit: the id of a deposit, funded by somebody else, that pays instead of the node's account.

    Raises:
        GolemError: an argument makes no sense, or there is no application key.
    """

    def __init__(
        self,
        *,
        budget: float | Decimal,
        timeout: timedelta,
        strategy: MarketStrategy,
        subnet_tag: str | None,
        emit: Consumer,
        clock: Clock | None = None,
        daemon: DaemonAddress | None = None,
        platform: str | None = None,
        deposit: str | None = None,
    ) -> None:
        self._timeout = checked(timeout, timeout > timedelta(0), "timeout must be longer than nothing")
        self.budget = Budget(_amount(budget))
        self._strategy = strategy
        self._subnet = subnet_tag or os.environ.get("YAGNA_SUBNET") or None
        self._emit = _harmless(emit)
        self._clock = clock or SystemClock()
        self._daemon = daemon
        self._platform = platform or chosen_platform()
        self._deposit = deposit
        self._client = Client.from_environment() if daemon is None else Client(daemon.api_url, daemon.app_key)
        self._markets: list[Market] = []
        self._negotiating: dict[Market, asyncio.Task[None]] = {}
        self._runs: list[Run] = []
        self._looked = 0.0
        self.accepted = 0
        self.patience_s = INVOICES_S
        self.earlier: Leftovers | None = None

    async def __aenter__(self) -> Self:
        self._started = time.monotonic()
        self.expires = self._clock.now() + self._timeout
        self._stack = AsyncExitStack()
        self._stack.enter_context(unfinished.hold())
        self._termination = self._stack.enter_context(Termination())
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending()
        try:
            # a loop that was left by `break` has not stopped its run
            await asyncio.gather(*(run.stop() for run in self._runs))
            await self._finish()
        finally:
            await self._stack.aclose()

    def ending(self) -> None:
        """Nothing is bought any more: SIGTERM does not cut short what remains, which is to pay."""
        self._termination.ending()

    async def demand(self, package: Package) -> Market:
        """Put a demand for ``package`` on the market, where it stays until everything ends."""
        return await self.publish(await self.demand_text(package), self._emit)

    async def demand_text(self, package: Package) -> DemandText:
        """The demand for ``package`` as it is published."""
        return compose(package, self._subnet, self.expires, await self.decoration(), self._name)

    async def decoration(self) -> MarketDecoration:
        """What a demand needs, so that only those answer who can be paid from the allocation, and are so."""
        found = await self._client.payment.get_demand_decorations([self.allocation_id])
        found.properties.append(Decoration(key=names.CHOSEN_PLATFORM, value=self.platform))
        return found

    async def publish(
        self, demand: DemandText, emit: Consumer, tell: Listener = ignore, tailor: Tailor | None = None
    ) -> Market:
        """Put a demand on the market, where it stays until it is retired or everything ends.

        Args:
            demand: what is asked for.
            emit: hears what happens.
            tell: hears it with the documents.
            tailor: what a proposal is answered with, instead of the same demand.
        """
        market = Market(self._client, self._clock, demand, self._strategy, emit, self.budget.total)
        market.tell = tell
        market.tailor = tailor or market.tailor
        demand_id = await market.publish()
        self._markets.append(market)
        self._negotiating[market] = asyncio.create_task(market.run())
        self._stack.push_async_callback(self.retire, market)
        emit(RunStarted(demand_id=demand_id, budget=self.budget.total, platform=self.platform))
        return market

    async def retire(self, market: Market) -> None:
        """Take a demand off the market; nothing if that is done."""
        negotiating = self._negotiating.pop(market, None)
        if negotiating is not None:
            self._markets.remove(market)
            await _stop(negotiating)
            await market.withdraw()

    def start(self, market: Market, worker: Worker, queue: TaskQueue, max_workers: int) -> Run:
        """Start to let a worker do the tasks of a queue, at providers that the market finds."""
        return self.begin(market, driving(worker), queue, max_workers, self._emit)

    def begin(self, market: Market, drive: Drive, queue: TaskQueue, max_workers: int, emit: Consumer) -> Run:
        """Start to work on the tasks of a queue, in any way."""
        run = Run(
            client=self._client,
            clock=self._clock,
            market=market,
            cashier=self.cashier,
            files=self._files,
            drive=drive,
            queue=queue,
            max_workers=max_workers,
            emit=emit,
        )
        self._runs.append(run)
        run.start()
        return run

    async def stop(self, run: Run) -> None:
        """End a run and all that it has at providers."""
        await run.stop()
        if run in self._runs:
            self._runs.remove(run)

    async def next_done(self, run: Run, look_s: float) -> AnyTask | None:
        """The next task that is done, None after the last; the limits are checked every ``look_s``.

        Raises:
            RunTimeout, BudgetExhausted: a limit is reached.
            DaemonUnreachable: the daemon has not answered for a minute.
            TaskFailed, WorkerFailed: the run has failed.
        """
        while True:
            # also when one task after the other is done without a pause
            if time.monotonic() - self._looked >= look_s:
                await self.check_limits()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(min(self.left_s, look_s), 0.0)):
                    return await run.next_done()
            await self.check_limits()

    @property
    def allocation_id(self) -> str:
        """What everything is paid from."""
        return self._allocation.allocation_id

    @property
    def client(self) -> Client:
        """The daemon."""
        return self._client

    @property
    def name(self) -> str:
        """How providers see us."""
        return self._name

    @property
    def platform(self) -> str:
        """How everything is paid."""
        return self._allocation.payment_platform

    @property
    def left_s(self) -> float:
        """Seconds until everything has failed."""
        return (self.expires - self._clock.now()).total_seconds()

    def most(self) -> Decimal:
        """The most that everything can have cost until now, in GLM."""
        return self.cashier.most(self._clock.now())

    async def check_limits(self) -> None:
        """Raise RunTimeout, BudgetExhausted or DaemonUnreachable when it is time to end."""
        self._looked = time.monotonic()
        self._check_daemon()
        self._files.check()
        if self.left_s <= 0:
            raise await self._timed_out()
        most = self.most()
        if most >= self.budget.total:
            raise BudgetExhausted(
                f"The run was stopped at its budget of {format_amount(self.budget.total)} GLM.",
                why=f"{counted(self.accepted, 'task')} done; "
                f"all work so far can cost {short_amount(most)} GLM.",
                next_step="Raise the budget, or use cheaper providers by a strategy.",
            )
        for market in self._markets:
            if why := market.shortage():
                raise BudgetExhausted(
                    f"The budget of {format_amount(self.budget.total)} GLM is too small to begin.",
                    why=why,
                    next_step="Raise the budget; `golem estimate` says what work costs.",
                )

    def _check_daemon(self) -> None:
        silence = self._client.silence
        if silence.error is not None and silence.lasted_s >= DAEMON_AWAY_S:
            silence.is_given_up = True
            raise DaemonUnreachable(
                f"The daemon has not answered for {DAEMON_AWAY_S:g} s.",
                why=f"{silence.error.why}.",
                next_step=silence.error.next_step,
            )

    async def _timed_out(self) -> RunTimeout:
        nobody = [found for market in self._markets if (found := await market.nobody()) is not None]
        return timed_out(self._timeout.total_seconds(), self.accepted, nobody[0] if nobody else None)

    # -- beginning and end ---------------------------------------------------------------------------------

    async def _open(self) -> None:
        stack = self._stack
        await stack.enter_async_context(self._client)
        self._files = await stack.enter_async_context(SharedFolder(self._daemon or daemon_of(os.environ)))
        if self.earlier is not None:
            await self.earlier.release(self._client)
        me = await self._client.identity.me()
        self._name = me.name
        # a run that goes on sees to what it has left itself
        own = self.earlier.allocations if self.earlier is not None else ()
        self._in_background(wind_up_the_dead(me.identity, own, self._client, self._clock))
        self._allocation = await reserve(
            self._client, self.budget.total, self.expires, self._platform, self._deposit
        )
        self._will = Will.new(self._allocation.allocation_id)
        stack.push_async_callback(self._release)
        since = now = self._clock.now()
        allocation_id = self._allocation.allocation_id
        self.cashier = Cashier(self._client, self._clock, self.budget, allocation_id, self._emit)
        self._keep_will(me.identity)
        if self.earlier is not None:
            since = self.earlier.since
            self.budget.promise("", self.earlier.spent)
            await self.earlier.end(self._client, self.cashier, now)
        self._in_background(self.cashier.run(since))
        # at the beginning a daemon that is away is not waited for
        self._client.silence.tell = log.warning

    async def _finish(self) -> None:
        """Wait for the invoices of all agreements; for what comes later the next script is there."""
        # no invoice comes through a daemon that is gone
        patience_s = 0.0 if self._client.silence.lasted_s else self.patience_s
        unpaid = await self.cashier.settle(patience_s)
        self._emit(
            RunEnded(
                seconds=time.monotonic() - self._started,
                accepted=self.accepted,
                spent=self.budget.promised,
                unpaid=unpaid,
            )
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._stack.push_async_callback(_stop, asyncio.create_task(work))

    def _keep_will(self, node_id: str) -> None:
        def write() -> None:
            cashier = self.cashier
            self._will.write(State(node_id, self.allocation_id, cashier.left(), cashier.unpaid()))

        write()
        self.cashier.on_change = write
        self._in_background(self._will.stay_alive(self._clock))

    async def _release(self) -> None:
        """Give back what is not spent, but for late invoices. The daemon keeps what was accepted."""
        now = self._clock.now()
        try:
            if not await give_back(self._client, self.allocation_id, self.cashier.late(now), now + LATE_FOR):
                self._will.done()
        except DaemonUnreachable:
            log.info("the next script of this node releases the allocation")
        finally:
            self._will.keep()


def timed_out(seconds: float, accepted: int, nobody: NothingMatched | None) -> RunTimeout:
    """What ends a run after so many seconds, with what can be done about it."""
    what = f"The run did not end within {seconds:g} s."
    if nobody is None:
        hint = "Give it a longer timeout, or more workers."
        return RunTimeout(what, why=f"{counted(accepted, 'task')} done.", next_step=hint)
    hint = "Demand what is on the market: subnet_tag, min_mem_gib and the like."
    if nobody.offers_matched:
        hint = "Give it a longer timeout, or a higher price limit if it has one."
    return RunTimeout(what, why=f"{str(nobody).rstrip('.')}.", next_step=hint)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    for outcome in await asyncio.gather(task, return_exceptions=True):
        if isinstance(outcome, Exception):
            log.error("the run's background failed why=%s", repr(outcome))


def _harmless(emit: Consumer) -> Consumer:
    """A consumer of the script's that fails must not keep anybody from being paid."""

    def consume(event: Event) -> None:
        try:
            emit(event)
        except Exception:
            log.exception("an event consumer has failed event=%s", type(event).__name__)

    return consume


def checked(value: T, is_good: bool, what: str) -> T:
    """``value`` if it is good, else a GolemError that says what it should be."""
    if not is_good:
        raise GolemError(f"{what}, not {value}.")
    return value


def _amount(budget: float | Decimal) -> Decimal:
    try:
        amount = parse_amount(str(budget))
    except ValueError as error:
        raise GolemError("budget is an amount of GLM above 0.", why=f"{error}.") from error
    return checked(amount, amount > 0, "budget is an amount of GLM above 0")

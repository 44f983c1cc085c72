"""The door of 0.13.1: ``async with Golem(budget=1.0) as golem``, then tasks or services."""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

from golemnet.requestor.engine import BUDGET_CHECK_S, useful_workers
from golemnet.requestor.events import Consumer as EngineConsumer
from golemnet.requestor.platforms import driver_of, network_of
from golemnet.requestor.published import events
from golemnet.requestor.published.cluster import Cluster, ServiceType, default_expiration
from golemnet.requestor.published.configuration import ApiConfig
from golemnet.requestor.published.dispatch import Consumer, Dispatcher
from golemnet.requestor.published.engine import Engine
from golemnet.requestor.published.events import Event, exc_info_of
from golemnet.requestor.published.jobs import Job
from golemnet.requestor.published.network import Net, Network, NetworkSerialization
from golemnet.requestor.published.payloads import Payload
from golemnet.requestor.published.service import ServiceSerialization
from golemnet.requestor.published.strategies import (
    BaseMarketStrategy,
    DecreaseScoreForUnconfirmedAgreement,
    default_strategy,
)
from golemnet.requestor.published.summary_log import log_event_repr, log_summary
from golemnet.requestor.published.tasks import Task
from golemnet.requestor.published.workers import Feeder, Post, TaskWorker, Worker
from golemnet.requestor.run import Run
from golemnet.requestor.session import Session
from golemnet.requestor.task_queue import TaskQueue
from golemnet.requestor.worker import Done, check_worker

DEFAULT_SUBNET = "public"
DEFAULT_MAX_WORKERS = 5
DEFAULT_TIMEOUT = timedelta(minutes=15)

D = TypeVar("D")
R = TypeVar("R")
log = logging.getLogger("yapapi.golem")


class Golem:
    """Other people's machines for tasks and services; an asynchronous context manager.

    Args:
        budget: GLM for everything; it is never exceeded.
        strategy: which offers are good enough.
        subnet_tag: the part of the market; by default ``YAGNA_SUBNET``, else ``public``.
        payment_driver: how is paid; by default ``YAGNA_PAYMENT_DRIVER``, else ``erc20``.
        payment_network: on which chain; by default ``YAGNA_PAYMENT_NETWORK``, else ``holesky`` (``local`` for
            vouchers).
        event_consumer: hears every event; by default a summary goes to the log.
        stream_output: hear of output and progress while commands run.
        api_config: where the daemon is; by default as the environment says.
        app_key: the application key (deprecated: it belongs into ``api_config``).
        run: a name by which a run that was killed goes on; for subclasses, which keep what was done.

    Raises:
        MissingConfiguration: there is no application key.
    """

    def __init__(
        self,
        *,
        budget: float | Decimal,
        strategy: BaseMarketStrategy | None = None,
        subnet_tag: str | None = None,
        payment_driver: str | None = None,
        payment_network: str | None = None,
        event_consumer: Callable[[Event], None] | None = None,
        stream_output: bool = False,
        api_config: ApiConfig | None = None,
        app_key: str | None = None,
        run: str | None = None,
    ) -> None:
        if app_key is not None:
            warnings.warn("`app_key` belongs into `api_config`", DeprecationWarning, stacklevel=2)
        self._config = api_config or ApiConfig(app_key or "")
        self._budget = budget
        self._run = run
        self._streams = stream_output
        self._subnet_tag = _setting(subnet_tag, "YAGNA_SUBNET", DEFAULT_SUBNET)
        self._driver = driver_of(payment_driver)
        self._network = network_of(payment_network, self._driver)
        self._dispatcher = Dispatcher()
        self._dispatcher.add(event_consumer or log_summary(log_event_repr), (Event,))
        self._strategy = strategy or self._default_strategy()
        self._engine: Engine | None = None
        self._jobs: list[Job] = []
        self._clusters: list[Cluster[Any]] = []
        self._lock = asyncio.Lock()

    def _default_strategy(self) -> DecreaseScoreForUnconfirmedAgreement:
        strategy = default_strategy()
        self._dispatcher.add(strategy.on_event, (events.AgreementConfirmed, events.AgreementRejected))
        return strategy

    # -- what it is ----------------------------------------------------------------------------------------

    @property
    def payment_driver(self) -> str:
        """How is paid."""
        return self._driver

    @property
    def payment_network(self) -> str:
        """On which chain."""
        return self._network

    @property
    def subnet_tag(self) -> str | None:
        """The part of the market."""
        return self._subnet_tag

    @property
    def operative(self) -> bool:
        """Whether it has started and not stopped."""
        return self._engine is not None

    @property
    def strategy(self) -> BaseMarketStrategy:
        """Which offers are good enough; another one may be set while it is not operative."""
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: BaseMarketStrategy) -> None:
        if self.operative:
            raise AttributeError("Strategy replacement is possible only when Golem is not operative")
        self._strategy = strategy

    def add_event_consumer(
        self,
        event_consumer: Consumer,
        event_classes_or_names: Iterable[type[Event] | str] = (Event,),
    ) -> None:
        """Let one more function hear events of some classes, or of all."""
        self._dispatcher.add(event_consumer, event_classes_or_names)

    # -- beginning and end ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop(error, wait_for_payments=True)

    async def start(self) -> None:
        """Begin, without ``async with``; nothing if it has begun."""
        async with self._lock:
            if self._engine is None:
                engine = self._new_engine()
                await self._open(engine)
                self._engine = engine

    def _new_engine(self) -> Engine:
        return Engine(
            config=self._config,
            budget=self._budget,
            strategy=lambda: self._strategy,
            subnet_tag=self._subnet_tag,
            driver=self._driver,
            network=self._network,
            tell=self._dispatcher.emit,
        )

    async def _open(self, engine: Engine) -> None:
        await engine.__aenter__()

    async def stop(self, wait_for_payments: bool = True) -> None:
        """End: services that run are ended, and invoices that have not come are waited for."""
        await self._stop(None, wait_for_payments)

    async def _stop(self, error: BaseException | None, wait_for_payments: bool) -> None:
        if error is not None:
            self._interrupted(error)
        async with self._lock:
            engine, self._engine = self._engine, None
            if engine is None:
                return
            engine.buyer.ending()
            if not wait_for_payments:
                engine.buyer.patience_s = 0.0
            try:
                await self._end(engine, error)
            except SystemExit:  # SIGTERM has ended it, and it is shut down
                self._dispatcher.emit(events.ShutdownFinished())
                raise
            except BaseException as failure:
                self._dispatcher.emit(events.ShutdownFinished(exc_info=exc_info_of(failure)))
                raise
            self._dispatcher.emit(events.ShutdownFinished())

    async def _end(self, engine: Engine, error: BaseException | None) -> None:
        clusters, self._clusters = self._clusters, []
        jobs, self._jobs = self._jobs, []
        try:
            await asyncio.gather(*(cluster.__aexit__(None, error, None) for cluster in clusters))
        finally:
            try:
                await engine.__aexit__(None, error, None)
            finally:
                for job in jobs:
                    job.finish(error)

    def _interrupted(self, error: BaseException) -> None:
        if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
            self._dispatcher.emit(events.ExecutionInterrupted(exc_info=exc_info_of(error)))

    async def _operating(self) -> Engine:
        if self._engine is None:
            await self.start()
        assert self._engine is not None
        return self._engine

    # -- tasks ---------------------------------------------------------------------------------------------

    async def execute_tasks(
        self,
        worker: Worker,
        data: AsyncIterable[Task[D, R]] | Iterable[Task[D, R]],
        payload: Payload,
        max_workers: int | None = None,
        timeout: timedelta | None = None,
        job_id: str | None = None,
        implicit_init: bool = True,
    ) -> AsyncGenerator[Task[D, R], None]:
        """Give each task to ``worker`` at some provider; yields tasks as they are accepted.

        When the timeout is over, that is logged, and there are no more tasks.

        Args:
            worker: an asynchronous generator function of a context and tasks; it yields scripts.
            data: the tasks; read as workers ask.
            payload: what providers run.
            max_workers: at most so many providers at once; 5 by default.
            timeout: after it the job is over; 15 minutes by default.
            job_id: how logs call the job.
            implicit_init: deploy and start before the worker's first script.

        Raises:
            TaskFailed: a task failed too often.
            WorkerFailed: no worker gets as far as a task.
            BudgetExhausted: going on could cost more than the budget.
        """
        check_worker(worker)  # pyright: ignore[reportArgumentType]
        workers = DEFAULT_MAX_WORKERS if max_workers is None else max(max_workers, 1)
        expiration = datetime.now(UTC) + (timeout or DEFAULT_TIMEOUT)
        engine = await self._operating()
        job = await self._begin_job(engine, payload, expiration, job_id)
        error: BaseException | None = None
        try:
            doing = self._execute(engine, job, worker, data, workers, implicit_init)
            async with aclosing(doing) as done:
                async for task in done:
                    yield task
        except JobTimeout as timed_out:
            error = timed_out
        except BaseException as failure:
            error = failure
            raise
        finally:
            job.finish(None if isinstance(error, GeneratorExit) else error)

    async def _execute(
        self, engine: Engine, job: Job, worker: Worker, data: Any, workers: int, implicit_init: bool
    ) -> AsyncGenerator[Any, None]:
        async def drive(session: Session, queue: TaskQueue, emit: EngineConsumer, done: Done) -> None:
            post = Post(job, session, self._streams)
            await TaskWorker(post, queue, done).run(worker, implicit_init)

        queue = TaskQueue(is_open=True) if isinstance(data, AsyncIterable) else TaskQueue(data)
        count = workers if isinstance(data, AsyncIterable) else useful_workers(data, workers)
        market = await engine.publish(job)
        run = engine.buyer.begin(market, drive, queue, count, job.hear)
        if isinstance(data, AsyncIterable):
            run.also(Feeder(data, queue, workers).run())
        try:
            while (task := await self._next(engine, job, run)) is not None:
                engine.buyer.accepted += 1
                yield task
        finally:
            await engine.buyer.stop(run)
            await engine.buyer.retire(market)

    async def _next(self, engine: Engine, job: Job, run: Run) -> Any:
        left_s = (job.expiration_time - datetime.now(UTC)).total_seconds()
        limit = asyncio.timeout(max(left_s, 0.0))
        try:
            async with limit:
                return await engine.buyer.next_done(run, BUDGET_CHECK_S)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise JobTimeout("the job's timeout is over") from error

    async def _begin_job(
        self, engine: Engine, payload: Payload, expiration: datetime, job_id: str | None = None
    ) -> Job:
        job = await engine.open_job(payload, expiration, job_id, self)
        self._jobs.append(job)
        job.emit(events.JobStarted)
        return job

    # -- services ------------------------------------------------------------------------------------------

    async def run_service(
        self,
        service_class: type[ServiceType],
        num_instances: int | None = None,
        instance_params: Iterable[dict[str, Any]] | None = None,
        payload: Payload | None = None,
        expiration: datetime | None = None,
        network: Network | None = None,
        network_addresses: list[str] | None = None,
    ) -> Cluster[ServiceType]:
        """Start instances of a service.

        Args:
            service_class: what they are.
            num_instances: how many; by default one, or as many as there are parameters.
            instance_params: the keywords of each.
            payload: what they run, if the class does not say.
            expiration: when they end at the latest; in three hours by default.
            network: the private network that they join.
            network_addresses: the addresses of the first ones there.
        """
        cluster = await self._open_cluster(service_class, payload, expiration, network)
        cluster.spawn_instances(num_instances, instance_params, network_addresses)
        return cluster

    async def resume_service(
        self,
        service_class: type[ServiceType],
        instances: list[ServiceSerialization],
        payload: Payload | None = None,
        expiration: datetime | None = None,
        network: Network | None = None,
    ) -> Cluster[ServiceType]:
        """Go on with instances that were suspended, or left by a script that is gone."""
        cluster = await self._open_cluster(service_class, payload, expiration, network)
        cluster.resume_instances(instances)
        return cluster

    async def _open_cluster(
        self,
        service_class: type[ServiceType],
        payload: Payload | None,
        expiration: datetime | None,
        network: Network | None,
    ) -> Cluster[ServiceType]:
        payload = payload or await service_class.get_payload()
        if payload is None:
            raise ValueError(
                f"No payload returned from `{service_class.__name__}.get_payload`, and none is given."
            )
        engine = await self._operating()
        job = await self._begin_job(engine, payload, expiration or default_expiration())
        market = await engine.publish(job)
        cluster = Cluster(engine, job, market, service_class, network, self._streams)
        self._clusters.append(cluster)
        return cluster

    # -- private networks ----------------------------------------------------------------------------------

    async def create_network(
        self, ip: str, owner_ip: str | None = None, mask: str | None = None, gateway: str | None = None
    ) -> Network:
        """Make a private network for services, with this node in it."""
        engine = await self._operating()
        me = await engine.buyer.client.identity.me()
        return await Network.create(Net(engine.buyer.client), ip, me.identity, owner_ip, mask, gateway)

    async def resume_network(self, obj_dict: NetworkSerialization) -> Network:
        """A private network that exists."""
        engine = await self._operating()
        return Network.deserialize(Net(engine.buyer.client), obj_dict)


class JobTimeout(Exception):
    """The timeout of ``execute_tasks`` is over."""


def _setting(given: str | None, variable: str, default: str) -> str:
    return given or os.environ.get(variable) or default

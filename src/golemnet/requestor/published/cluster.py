"""A cluster: instances of one service, bought for, watched and started again together."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from golemnet.requestor.buyer import Buyer
from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.events import Consumer
from golemnet.requestor.leftovers import deal_of
from golemnet.requestor.market import Market
from golemnet.requestor.published.agreements import Agreement
from golemnet.requestor.published.configuration import ApiConfig
from golemnet.requestor.published.jobs import Job
from golemnet.requestor.published.network import Network, Node
from golemnet.requestor.published.payloads import Payload
from golemnet.requestor.published.service import (
    NO_EXCEPTION,
    ControlSignal,
    Service,
    ServiceSerialization,
)
from golemnet.requestor.published.service_runner import ServiceRun, turn_instance
from golemnet.requestor.published.service_state import ServiceState, Turn
from golemnet.requestor.published.workers import Post
from golemnet.requestor.run import Run
from golemnet.requestor.session import Session
from golemnet.requestor.task_queue import AnyTask, TaskQueue
from golemnet.requestor.tasks import Attempt, Task
from golemnet.requestor.worker import Done

DEFAULT_SERVICE_EXPIRATION = timedelta(minutes=180)
LIMIT_CHECK_S = 1.0
# An agreement that was signed for an instance which got another one meanwhile.
PATIENCE_S = 5.0
SUSPEND_S = 5.0
# Each start costs something: one that fails again and again is tried more and more seldom.
RESTART_S, MAX_RESTART_S = 1.0, 60.0

ServiceType = TypeVar("ServiceType", bound=Service)
log = logging.getLogger("yapapi.services")


class Shop(Protocol):
    """What a cluster buys by: an ``Engine``, or another one with the same money and the same daemon."""

    buyer: Buyer
    config: ApiConfig


@dataclass(eq=False)
class Place:
    """An instance that needs a provider, and where it will be in a private network."""

    service: Service
    network: Network | None
    address: str | None


class Cluster(Generic[ServiceType]):
    """Instances of a service.

    Args:
        engine: buys.
        job: what is bought, already on the market.
        market: where.
        service_class: what the instances are.
        network: the private network that they join.
        streams: whether output is heard of while commands run.
    """

    def __init__(
        self,
        engine: Shop,
        job: Job,
        market: Market,
        service_class: type[ServiceType],
        network: Network | None = None,
        streams: bool = False,
    ) -> None:
        self._engine = engine
        self._job = job
        self._market = market
        self._streams = streams
        self._tasks: dict[Service, AnyTask] = {}
        self._restarts: dict[AnyTask, asyncio.TimerHandle] = {}
        self._instances: list[ServiceType] = []
        self._is_suspended = False
        self._is_closed = False
        self._closing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self.service_class = service_class
        self.network = network
        self._queue = TaskQueue(is_open=True, patience_s=PATIENCE_S)
        self._run: Run = engine.buyer.begin(market, self._drive, self._queue, 0, job.hear)
        # who has an instance does not come back for another one, so nothing may wait for that
        self._queue.here = lambda tried: False
        self._watching = asyncio.create_task(self._watch())

    @property
    def id(self) -> str:
        """How logs call it."""
        return self._job.id

    @property
    def expiration(self) -> datetime:
        """When it ends at the latest."""
        return self._job.expiration_time

    @property
    def payload(self) -> Payload:
        """What the instances run."""
        return self._job.payload

    @property
    def instances(self) -> list[ServiceType]:
        """All that were ever spawned."""
        return self._instances

    @property
    def app_key(self) -> str:
        """The key with which the daemon is asked for connections to the instances."""
        return self._engine.config.app_key

    # -- more and fewer instances --------------------------------------------------------------------------

    def spawn_instances(
        self,
        num_instances: int | None = None,
        instance_params: Iterable[dict[str, Any]] | None = None,
        network_addresses: list[str] | None = None,
    ) -> None:
        """Start instances.

        Args:
            num_instances: how many; by default one, or as many as there are parameters.
            instance_params: the keywords of each.
            network_addresses: the addresses of the first ones in the private network.

        Raises:
            ValueError: there are fewer parameters than instances.
        """
        addresses = iter(network_addresses or [])
        for keywords in _params(num_instances, instance_params):
            service = self._new(keywords)
            self._add(service, Place(service, self.network, next(addresses, None)))

    def resume_instances(self, serialized_instances: list[ServiceSerialization]) -> None:
        """Go on with instances that were suspended, or left by a script that is gone."""
        for serialized in serialized_instances:
            service = self._new(serialized.get("params") or {})
            state = ServiceState(serialized["state"])
            if serialized["agreement_id"] is None or serialized["activity_id"] is None:
                self._add(service, Place(service, self.network, None))
                continue
            node = serialized.get("network_node")
            if node is not None and self.network is not None:
                service._network_node = Node(self.network, node["node_id"], node["ip"])
            resumed = ServiceState.running if state is ServiceState.suspended else state
            service.service_instance.state = resumed
            service.service_instance.visited_states.append(resumed)
            self._run.also(self._adopt(service, serialized["agreement_id"], serialized["activity_id"]))

    def lend(self, agreement_id: str) -> None:
        """Another program may go on with an instance: it is not to be ended if this one is killed."""
        self._engine.buyer.cashier.lend(agreement_id)

    def serialize_instances(self) -> list[ServiceSerialization]:
        """What ``resume_instances`` needs."""
        return [each.serialize() for each in self._instances]

    def stop_instance(self, service: ServiceType) -> None:
        """Have one shut down."""
        if service.state is ServiceState.pending:
            self._forget(self._tasks[service])
            turn_instance(service, Turn.STOP)
        else:
            service.service_instance.control_queue.put_nowait(ControlSignal.stop)

    def stop(self) -> None:
        """Have all shut down."""
        self._close_queue()
        for service in self._instances:
            self.stop_instance(service)

    def suspend_instance(self, service: ServiceType) -> None:
        """Leave one alone: it goes on, and can be resumed."""
        service.service_instance.control_queue.put_nowait(ControlSignal.suspend)

    def suspend(self) -> None:
        """Leave all alone."""
        self._is_suspended = True
        self._close_queue()
        for service in self._instances:
            self.suspend_instance(service)

    async def wait_end(self) -> None:
        """Wait until all have ended for good. Raises what has ended them, if it was a limit or a fault."""
        await asyncio.wait({self._watching})
        if self._failure is not None:
            raise self._failure

    async def terminate(self) -> None:
        """End all at once, without their shutdown handlers."""
        # a handler of an instance, which ends with it, may be who asks
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(None))
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(error))
        await asyncio.shield(self._closing)

    async def _close(self, error: BaseException | None) -> None:
        self._close_queue()
        if self._is_suspended:
            await self._run.leave(SUSPEND_S)
        self._watching.cancel()
        await self._engine.buyer.stop(self._run)
        await self._engine.buyer.retire(self._market)
        self._job.finish(error)

    def _close_queue(self) -> None:
        self._is_closed = True
        for task, timer in self._restarts.items():
            timer.cancel()
            self._settle(task)
        self._restarts.clear()
        for service, task in self._tasks.items():
            if service.state is ServiceState.pending:
                self._queue.forget(task)
                turn_instance(service, Turn.STOP)
        self._queue.close()

    # -- inside --------------------------------------------------------------------------------------------

    def _forget(self, task: AnyTask) -> None:
        """An instance that waits, for a provider or for its next start, is not started any more."""
        self._queue.forget(task)
        timer = self._restarts.pop(task, None)
        if timer is not None:
            timer.cancel()
            self._settle(task)

    def _new(self, keywords: dict[str, Any]) -> ServiceType:
        service = self.service_class(**keywords)
        service._cluster = self
        self._instances.append(service)
        return service

    def _add(self, service: Service, place: Place) -> None:
        task: AnyTask = Task(place, max_attempts=sys.maxsize)
        self._tasks[service] = task
        self._queue.add(task)
        self._run.widen(1)

    async def _drive(self, session: Session, queue: TaskQueue, emit: Consumer, done: Done) -> None:
        """The engine's way to work in an activity: one instance lives there."""
        candidate = session.deal.candidate
        task = await queue.take(candidate.provider_id)
        if task is None:
            return
        task.begin(candidate.provider_name, lambda *verdict: None)
        place: Place = task.data
        problem = "The instance was stopped."
        try:
            run = ServiceRun(
                place.service, Post(self._job, session, self._streams), place.network, place.address
            )
            await run.run()
            problem = str(place.service.exc_info[1] or problem)
        except ProviderLost as error:
            problem = str(error)
            raise
        finally:
            await self._ended(
                place.service, task, Attempt(candidate.provider_id, candidate.provider_name, problem)
            )

    async def _ended(self, service: Service, task: AnyTask, attempt: Attempt) -> None:
        """Have an instance started again if it wants that."""
        if self._is_closed or not service.restart_condition:
            self._settle(task)
            return
        await self._begin_again(service)
        pause_s = min(RESTART_S * 2 ** len(task.attempts), MAX_RESTART_S)
        loop = asyncio.get_running_loop()
        self._restarts[task] = loop.call_later(pause_s, self._restart, task, attempt)

    async def _begin_again(self, service: Service) -> None:
        log.info("Restarting service %s", service)
        await service.reset()
        turn_instance(service, Turn.RESTART)
        service._exc_info = NO_EXCEPTION

    def _restart(self, task: AnyTask, attempt: Attempt) -> None:
        del self._restarts[task]
        self._queue.failed(task, attempt)

    def _settle(self, task: AnyTask) -> None:
        """Nothing more is done for an instance."""
        task.accept_task()
        self._queue.accepted(task)

    async def _adopt(self, service: Service, agreement_id: str, activity_id: str) -> None:
        document = await self._engine.buyer.client.market.get_agreement(agreement_id)
        self._job.agreements[agreement_id] = Agreement.of(self._job.client, document)
        began = document.approved_date or document.timestamp

        async def drive(session: Session, queue: TaskQueue, emit: Consumer, done: Done) -> None:
            try:
                await ServiceRun(service, Post(self._job, session, self._streams)).resume()
            finally:
                if not self._is_closed and service.restart_condition:
                    await self._begin_again(service)
                    self._add(service, Place(service, self.network, None))

        await self._run.adopt(deal_of(document), activity_id, began, drive)

    async def _watch(self) -> None:
        """End everything at the budget, and at the expiration."""
        error: Exception | None = None
        try:
            async with asyncio.timeout((self.expiration - datetime.now(UTC)).total_seconds()):
                while await self._engine.buyer.next_done(self._run, LIMIT_CHECK_S) is not None:
                    pass
        except Exception as failure:
            error = failure
            log.error("%s is ended: %s", self, failure or repr(failure))
        self._failure = error
        self._job.finish(error)
        await self._engine.buyer.stop(self._run)

    def __repr__(self) -> str:
        return f"Cluster {self.id}: {len(self._instances)}x[Service: {self.service_class.__name__}]"


def default_expiration() -> datetime:
    """When a cluster ends that is not told."""
    return datetime.now(UTC) + DEFAULT_SERVICE_EXPIRATION


def _params(count: int | None, instance_params: Iterable[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    if instance_params is None:
        yield from ({} for _ in range(1 if count is None else count))
        return
    given = iter(instance_params)
    if count is None:
        yield from given
        return
    for number in range(count):
        try:
            yield next(given)
        except StopIteration:
            raise ValueError(f"`instance_params` has only {number} elements, not {count}.") from None

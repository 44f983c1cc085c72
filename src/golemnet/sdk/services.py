"""A service: so many instances of one command, each at a provider, replaced when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import msgspec

from golemnet.errors import GolemError
from golemnet.requestor.buyer import Buyer
from golemnet.requestor.events import Consumer, Event, InstanceFailed, InstanceReady
from golemnet.requestor.market import Market
from golemnet.requestor.published import events
from golemnet.requestor.published.cluster import Cluster
from golemnet.requestor.published.configuration import ApiConfig
from golemnet.requestor.published.demand_builder import DemandBuilder
from golemnet.requestor.published.jobs import Job
from golemnet.requestor.published.payloads import VmConstraints, VmPackage
from golemnet.requestor.published.service_state import ServiceState
from golemnet.requestor.published.strategies import default_strategy
from golemnet.sdk.errors import ServiceFailed
from golemnet.sdk.front import DRAIN_S, Front
from golemnet.sdk.images import FoundImage
from golemnet.sdk.instances import Instance, Plan, left_of, serialized
from golemnet.sdk.lacking import tell_what_is_missing
from golemnet.sdk.shelf import Shelf

# The buyer ends everything in time and says why: the cluster must not come first.
AFTER_THE_BUYER = timedelta(minutes=1)

Tell = Callable[[events.Event], None]


class Desk(msgspec.Struct):
    """What a service buys by: the money, the image, and who hears of it."""

    buyer: Buyer
    config: ApiConfig
    image: FoundImage
    emit: Consumer

    async def open(self, plan: Plan, tell: Tell) -> tuple[Cluster[Instance], Market]:
        """A cluster without instances, and the market, on which its demand is."""
        capabilities = () if plan.port is None else ("vpn",)
        image = msgspec.structs.replace(self.image, capabilities=capabilities)
        demand = await self.buyer.demand_text(image)
        builder = DemandBuilder()
        builder.add_properties(demand.properties)
        needs = VmConstraints(image.min_mem_gib, image.min_storage_gib, image.min_cpu_threads)
        job = Job(
            engine=self,
            client=self.buyer.client,
            strategy=default_strategy(),  # it is not asked: the buyer has one
            tell=tell,
            expiration_time=self.buyer.expires + AFTER_THE_BUYER,
            payload=VmPackage(await image.resolve_url(), needs),
            demand=builder,
        )
        market: Market = await self.buyer.publish(demand, self._both(job), job.listen)
        return Cluster(self, job, market, Instance), market

    def _both(self, job: Job) -> Consumer:
        def hear(event: Event) -> None:
            job.hear(event)
            self.emit(event)

        return hear


class Service:
    """Instances of a command; an asynchronous context manager, in which all of them are ready.

    ``Golem.service`` makes it.

    Args:
        desk: makes what it buys by, and the plan, when it begins.
        instances: how many.
        ready: how many of them are ready when it has begun.
        listen: the port of this machine for ``url``; any that is free if it is 0.
        resume: what ``suspend`` has returned.
        shelf: keeps what is suspended.
    """

    def __init__(
        self,
        desk: Callable[[], Awaitable[tuple[Desk, Plan]]],
        instances: int,
        ready: int,
        listen: int,
        resume: Sequence[dict[str, Any]],
        shelf: Shelf,
    ) -> None:
        self._open_desk = desk
        self._first, self._first_ready = instances, ready
        self._left = left_of(resume)
        self._shelf = shelf
        self._front = Front(lambda: self.instances, listen)
        self._changed = asyncio.Event()
        self._releasing: set[asyncio.Task[None]] = set()
        self._cluster: Cluster[Instance] | None = None
        self._telling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._desk, self._plan = await self._open_desk()
        self._cluster, market = await self._desk.open(self._plan, self._hear)
        self._telling = asyncio.create_task(
            tell_what_is_missing(self._plan.shown, lambda: self.instances, market, self._desk.emit)
        )
        try:
            if self._plan.port is not None:
                await self._front.run()
            await self._find_again(self._cluster)
            await self._scale(self._first, self._first_ready)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.drain()
        await self.close(error)

    @property
    def is_open(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._cluster is not None

    # -- what there is -------------------------------------------------------------------------------------

    @property
    def instances(self) -> list[Instance]:
        """Those that shall run, ready or not."""
        return [each for each in self._all if each.is_wanted]

    @property
    def url(self) -> str:
        """Where all instances answer HTTP in turn, at a port of this machine."""
        return self._front.url

    @property
    def urls(self) -> list[str]:
        """Where each of them answers, at ports of this machine. They carry any TCP."""
        return [each.url for each in self.instances]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The same as hosts and ports."""
        return [each.address for each in self.instances]

    # -- what can be done ----------------------------------------------------------------------------------

    async def scale(self, instances: int) -> None:
        """Have so many instances, and wait until all are ready. Those that are not ready go first.

        Raises:
            ServiceFailed: one fails wherever it is started.
        """
        await self._scale(instances, instances)

    async def _scale(self, instances: int, ready: int) -> None:
        known = sorted(self.instances, key=lambda each: not each.is_ready)
        await asyncio.gather(*(self._dismiss(each) for each in known[instances:]))
        more = instances - len(known)
        if more > 0:
            self._running().spawn_instances(instance_params=[{"plan": self._plan}] * more)
        await asyncio.gather(*(each.open() for each in self.instances if self._plan.port is not None))
        await self._until(lambda: self._is_enough(ready))

    async def wait(self) -> None:
        """Wait until all instances have ended for good, if they may, or Ctrl-C.

        Raises:
            ServiceFailed: one fails wherever it is started.
            RunTimeout, BudgetExhausted: a limit of the Golem is reached.
        """
        await self._until(lambda: all(_is_over(each) for each in self.instances))

    async def suspend(self) -> list[dict[str, Any]]:
        """Stop the processes of all instances, which keep memory and files, and end here.

        What is returned, plain data for JSON, is for ``Golem.service(resume=...)``. This Golem goes on to pay
        for them, for time but not for processors, as long as it is open. After it, a provider ends within
        three minutes what nobody resumes.
        """
        cluster, self._cluster = self._running(), None
        for instance in cluster.instances:
            instance.rest()
        await asyncio.gather(self._front.drain(), *(each.drain(DRAIN_S) for each in cluster.instances))
        kept = [each for each in cluster.instances if each.is_wanted and each.is_ready]
        for other in set(cluster.instances) - set(kept):
            cluster.stop_instance(other)
        await asyncio.gather(*(each.stop_still() for each in kept))
        self._shelf.put(cluster)
        return [msgspec.to_builtins(each.left()) for each in kept]

    async def drain(self) -> None:
        """Take no requests any more, and let those that are open come to their end, for ten seconds."""
        await asyncio.gather(self._front.drain(), *(each.drain(DRAIN_S) for each in self._all))

    async def close(self, error: BaseException | None = None) -> None:
        """End all instances; nothing if that is done."""
        cluster, self._cluster = self._cluster, None
        if cluster is None:
            return
        if self._telling is not None:
            self._telling.cancel()
        await cluster.__aexit__(None, error, None)
        await self._front.drain()
        for instance in cluster.instances:
            await instance.drain(0.0)
            await instance.release()
        await asyncio.gather(*self._releasing)

    # -- inside --------------------------------------------------------------------------------------------

    @property
    def _all(self) -> list[Instance]:
        return [] if self._cluster is None else self._cluster.instances

    def _is_enough(self, ready: int) -> bool:
        there = sum(each.is_ready for each in self.instances)
        return there >= ready or all(each.is_ready or _is_over(each) for each in self.instances)

    def _running(self) -> Cluster[Instance]:
        if self._cluster is None:
            raise GolemError(
                "This service does not run.", next_step="Use it as `async with golem.service(...)`."
            )
        return self._cluster

    async def _find_again(self, cluster: Cluster[Instance]) -> None:
        """Go on with what was left, and tell of what is lost; others are started in its place."""
        ended = await self._shelf.take(self._left)
        there = [each for each in self._left if each.activity_id not in ended]
        woken = await asyncio.gather(*(each.wake(self._desk.buyer.client) for each in there))
        cluster.resume_instances([serialized(each, self._plan) for each in there])
        for instance, left, is_there in zip(cluster.instances, there, woken, strict=True):
            instance.find(left)
            instance.is_wanted, instance.is_lost = is_there, not is_there

    async def _dismiss(self, instance: Instance) -> None:
        instance.is_wanted = False
        await instance.drain(DRAIN_S)
        self._running().stop_instance(instance)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something. Raises what makes it impossible."""
        ending = asyncio.create_task(self._running().wait_end())
        try:
            while True:
                self._check(ending)
                if is_so():
                    return
                self._changed.clear()
                changing = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changing, ending}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
        finally:
            ending.cancel()

    def _check(self, ending: asyncio.Task[None]) -> None:
        if ending.done():
            ending.result()
            raise ServiceFailed("The service was ended.")
        failed = [each for each in self.instances if _is_over(each) and each.exc_info[1] is not None]
        if failed:
            error = failed[0].exc_info[1]
            raise ServiceFailed(f"`{self._plan.shown}` failed, and is not started again.", why=str(error))

    def _hear(self, event: events.Event) -> None:
        """Translate what happens to instances, and look again."""
        match event:
            case events.ServiceStateChanged(service=Instance() as instance, new=ServiceState.running):
                seconds = asyncio.get_running_loop().time() - instance.started
                name = str(instance.provider_name)
                self._desk.emit(InstanceReady(data=self._plan.shown, provider_name=name, seconds=seconds))
            case events.ServiceFinished(service=Instance() as instance):
                self._ended(instance)
            case _:
                pass
        self._changed.set()

    def _ended(self, instance: Instance) -> None:
        """Hang up who is still connected with it, and tell what was wrong, if anything was."""
        releasing = asyncio.create_task(instance.release())
        self._releasing.add(releasing)
        releasing.add_done_callback(self._releasing.discard)
        if instance.exc_info[1] is not None:
            name, problem = str(instance.provider_name), str(instance.exc_info[1])
            self._desk.emit(InstanceFailed(data=self._plan.shown, provider_name=name, problem=problem))


def _is_over(instance: Instance) -> bool:
    """Whether it has ended for good."""
    return instance.state is ServiceState.terminated and not instance.restart_condition

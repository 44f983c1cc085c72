"""The life of one instance in one activity: its handlers one after the other, until it leaves."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from contextlib import aclosing, suppress
from typing import Any

from golemnet.errors import GolemError
from golemnet.requestor.errors import ProviderLost
from golemnet.requestor.published import events
from golemnet.requestor.published.batches import drive
from golemnet.requestor.published.errors import ServiceRunnerError
from golemnet.requestor.published.events import exc_info_of
from golemnet.requestor.published.network import Network
from golemnet.requestor.published.service import ControlSignal, Handler, Service
from golemnet.requestor.published.service_state import ServiceState, Turn, turned
from golemnet.requestor.published.workers import Post

DEFAULT_HEALTH_CHECK_INTERVAL = 10.0
DEFAULT_HEALTH_CHECK_RETRIES = 3
SIGNALS = {ControlSignal.stop: Turn.STOP, ControlSignal.suspend: Turn.SUSPEND}

log = logging.getLogger("yapapi.services")


class ServiceRun:
    """One instance at one provider.

    Args:
        service: the instance.
        post: where.
        network: the private network that it joins.
        address: where in the network; None leaves that to the network.
    """

    def __init__(
        self, service: Service, post: Post, network: Network | None = None, address: str | None = None
    ) -> None:
        self._service = service
        self._instance = service.service_instance
        self._post = post
        self._network = network
        self._address = address

    async def run(self) -> None:
        """Live until it is over, or suspended. Raises ProviderLost if that was its end."""
        self._post.begin()
        self._service._ctx = self._post.context
        self._turn(Turn.NEXT)
        log.info("%s commissioned", self._service)
        await self._run()

    async def resume(self) -> None:
        """The same, for one that has begun in another life of the script."""
        self._service._ctx = self._post.context
        log.info("%s resumed", self._service)
        await self._run()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            await self._join()
            while (handler := self._handler()) is not None:
                error = await self._live(handler) or error
        except asyncio.CancelledError as cancelled:
            error = cancelled
            self._turn(Turn.LOSE)
            raise
        finally:
            await self._leave(error)
        if isinstance(error, ProviderLost):
            raise error

    def _handler(self) -> Handler | None:
        """The handler for the state that it is in; None if it has none."""
        service = self._service
        handlers = {
            ServiceState.starting: service.start,
            ServiceState.running: service.run,
            ServiceState.stopping: service.shutdown,
        }
        found = handlers.get(service.state)
        if found is not None and not inspect.isasyncgenfunction(found):
            raise TypeError(f"`{type(service).__name__}.{found.__name__}` must be an asynchronous generator.")
        return None if found is None else found()

    async def _live(self, handler: Handler) -> BaseException | None:
        """Drive one handler until it ends or something happens; what has gone wrong."""
        driving = asyncio.create_task(self._drive(handler))
        signal = asyncio.create_task(self._instance.control_queue.get())
        health = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({driving, signal, health}, return_when=asyncio.FIRST_COMPLETED)
            if signal.done():
                self._turn(SIGNALS[signal.result()])
                return None
            ended = driving if driving.done() else health
            return await self._after(ended.exception())
        finally:
            for task in (driving, signal, health):
                task.cancel()
            await asyncio.gather(driving, signal, health, return_exceptions=True)

    async def _after(self, error: BaseException | None) -> BaseException | None:
        if error is None:
            self._turn(Turn.NEXT)
            if self._service.network is not None and self._service.state is ServiceState.running:
                await self._service.network.refresh_nodes()
            return None
        level = logging.WARNING if self._service._is_logged else logging.DEBUG
        log.log(level, "%s has failed: %s", self._service, error or repr(error))
        self._service._exc_info = exc_info_of(error)
        self._turn(Turn.LOSE if isinstance(error, ProviderLost) else Turn.STOP)
        return error

    async def _drive(self, handler: Handler) -> None:
        async with aclosing(handler):
            await drive(handler, self._post.submit)

    async def _watch(self) -> None:
        """Raise ServiceRunnerError when it does not answer any more."""
        missed = 0
        while missed < DEFAULT_HEALTH_CHECK_RETRIES:
            await asyncio.sleep(DEFAULT_HEALTH_CHECK_INTERVAL)
            missed = 0 if await self._service.is_activity_responsive() else missed + 1
        raise ServiceRunnerError(f"{self._service} has not answered {missed} times.")

    async def _join(self) -> None:
        if self._network is not None and self._service._network_node is None:
            provider_id = self._post.agreement.provider_id
            self._service._network_node = await self._network.add_node(provider_id, self._address)

    async def _leave(self, error: BaseException | None) -> None:
        if self._service.state is ServiceState.suspended:
            self._post.session.is_kept = True
            self._post.executor.close()
            return
        if sys.exc_info()[1] is not None:
            self._turn(Turn.LOSE)
        node = self._service._network_node
        if node is not None:
            self._service._network_node = None
            with suppress(GolemError):
                await node.network.remove_node(node.node_id)
        self._post.context.emit(events.ServiceFinished, service=self._service)
        self._post.end(error)
        log.info("%s decommissioned", self._service)

    def _turn(self, turn: Turn) -> None:
        turn_instance(self._service, turn, self._post.context.emit)


def turn_instance(service: Service, turn: Turn, emit: Any = None) -> None:
    """Change the state of an instance, and tell it."""
    instance = service.service_instance
    old, instance.state = instance.state, turned(instance.state, turn)
    if instance.state is old:
        return
    instance.visited_states.append(instance.state)
    if emit is not None:
        emit(events.ServiceStateChanged, service=service, old=old, new=instance.state)

"""A service: what a script says of it, and what one instance of it knows of itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypedDict

from golemnet.errors import GolemError
from golemnet.requestor.published.context import WorkContext
from golemnet.requestor.published.events import CommandEvent, ExcInfo
from golemnet.requestor.published.network import Network, Node
from golemnet.requestor.published.payloads import Payload
from golemnet.requestor.published.script import Script
from golemnet.requestor.published.service_state import ServiceState

if TYPE_CHECKING:
    from golemnet.requestor.published.cluster import Cluster

Handler = AsyncGenerator[Script, Awaitable[list[CommandEvent]]]
NO_EXCEPTION: ExcInfo = (None, None, None)


class ControlSignal(Enum):
    """What an instance is told from outside."""

    stop = "stop"
    suspend = "suspend"


@dataclass
class ServiceSignal:
    """A message to an instance, or from it."""

    message: Any
    response_to: ServiceSignal | None = None


class ServiceSerialization(TypedDict):
    """What is needed to find an instance again."""

    params: dict[str, Any]
    activity_id: str | None
    agreement_id: str | None
    state: str
    network_node: dict[str, str] | None


@dataclass(eq=False)
class ServiceInstance:
    """The part of an instance that its runner changes."""

    service: Service
    control_queue: asyncio.Queue[ControlSignal] = field(default_factory=asyncio.Queue[ControlSignal])
    state: ServiceState = ServiceState.pending
    visited_states: list[ServiceState] = field(default_factory=lambda: [ServiceState.pending])

    @property
    def started_successfully(self) -> bool:
        """Whether it has ever run."""
        return ServiceState.running in self.visited_states


class Service:
    """Base of services: subclasses say what is run, and what is done at its start, later, and at its end.

    ``self._ctx`` makes the scripts that the handlers yield.
    """

    _ctx: WorkContext | None = None
    _cluster: Cluster[Any] | None = None
    _network_node: Node | None = None
    _is_logged = True
    """Whether its failures are told in the log: not if they are told elsewhere."""

    def __init__(self, _id: str | None = None) -> None:
        self.__id = _id or str(uuid.uuid4())
        self.__in: asyncio.Queue[ServiceSignal] = asyncio.Queue()
        self.__out: asyncio.Queue[ServiceSignal] = asyncio.Queue()
        self.__instance = ServiceInstance(self)
        self._exc_info: ExcInfo = NO_EXCEPTION

    # -- what subclasses change ----------------------------------------------------------------------------

    @staticmethod
    async def get_payload() -> Payload | None:
        """What is run; None if ``run_service`` is told."""
        return None

    def get_deploy_args(self) -> dict[str, Any]:
        """The arguments of ``deploy``: the private network, if there is one."""
        return {} if self._network_node is None else self._network_node.get_deploy_args()

    async def start(self) -> Handler:
        """Bring it up: by default, deploy and start what is run."""
        assert self._ctx is not None
        script = self._ctx.new_script()
        script.deploy(**self.get_deploy_args())
        script.start()
        yield script

    async def run(self) -> Handler:
        """Do what has to be done while it runs: by default nothing, for ever."""
        await asyncio.Event().wait()
        yield Script(self._context())  # never: it makes this a generator

    async def shutdown(self) -> Handler:
        """Take it down: by default, end the activity."""
        assert self._ctx is not None
        script = self._ctx.new_script()
        script.terminate()
        yield script

    async def reset(self) -> None:
        """Forget what the handlers have noted, before it is started again."""
        return

    @property
    def restart_condition(self) -> bool:
        """Whether it is started again after its end: by default if it has failed before it ever ran."""
        return self._exc_info != NO_EXCEPTION and not self.__instance.started_successfully

    async def is_activity_responsive(self) -> bool:
        """Whether it is well; asked every ten seconds."""
        if self._ctx is None:
            return False
        try:
            return bool(await self._ctx.get_raw_state())
        except GolemError:
            return False

    # -- what is known of an instance ----------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Which instance."""
        return self.__id

    @property
    def cluster(self) -> Cluster[Any] | None:
        """The cluster that it belongs to."""
        return self._cluster

    @property
    def provider_id(self) -> str | None:
        """The node id of its provider; None while it has none."""
        return None if self._ctx is None else self._ctx.provider_id

    @property
    def provider_name(self) -> str | None:
        """How its provider calls itself; None while it has none."""
        return None if self._ctx is None else self._ctx.provider_name

    @property
    def network(self) -> Network | None:
        """The private network that it is in."""
        return None if self._network_node is None else self._network_node.network

    @property
    def network_node(self) -> Node | None:
        """Its place there."""
        return self._network_node

    @property
    def exc_info(self) -> ExcInfo:
        """The exception that has ended it; three times None if there was none."""
        return self._exc_info

    @property
    def state(self) -> ServiceState:
        """Where it is."""
        return self.__instance.state

    @property
    def is_available(self) -> bool:
        """Whether it is at a provider."""
        return self.state in ServiceState.AVAILABLE

    @property
    def service_instance(self) -> ServiceInstance:
        """The part that its runner changes."""
        return self.__instance

    def serialize(self) -> ServiceSerialization:
        """What ``Golem.resume_service`` needs, here or in another program."""
        if self._ctx is not None and self._cluster is not None:
            self._cluster.lend(self._ctx._agreement.id)
        node = self._network_node
        return {
            "params": self._serialize_init_params(),
            "activity_id": None if self._ctx is None else self._ctx._activity.id,
            "agreement_id": None if self._ctx is None else self._ctx._agreement.id,
            "state": self.state.value,
            "network_node": None
            if node is None
            else {"network_id": node.network.network_id, "node_id": node.node_id, "ip": node.ip},
        }

    def _serialize_init_params(self) -> dict[str, Any]:
        return {"_id": self.id}

    def _context(self) -> WorkContext:
        assert self._ctx is not None
        return self._ctx

    # -- messages ------------------------------------------------------------------------------------------

    async def send_message(self, message: Any = None) -> None:
        """Tell the instance something; its handlers ``_listen``."""
        self.send_message_nowait(message)

    def send_message_nowait(self, message: Any | None = None) -> None:
        """The same."""
        self.__in.put_nowait(ServiceSignal(message))

    async def receive_message(self) -> ServiceSignal:
        """Wait for what the instance says; its handlers ``_respond``."""
        return await self.__out.get()

    def receive_message_nowait(self) -> ServiceSignal | None:
        """What it has said; None if that is nothing."""
        return None if self.__out.empty() else self.__out.get_nowait()

    async def _listen(self) -> ServiceSignal:
        return await self.__in.get()

    def _listen_nowait(self) -> ServiceSignal | None:
        return None if self.__in.empty() else self.__in.get_nowait()

    async def _respond(self, message: Any | None, response_to: ServiceSignal | None = None) -> None:
        self._respond_nowait(message, response_to)

    def _respond_nowait(self, message: Any | None, response_to: ServiceSignal | None = None) -> None:
        self.__out.put_nowait(ServiceSignal(message, response_to))

    def __repr__(self) -> str:
        at = f" on {self.provider_name} [ {self.provider_id} ]" if self.provider_id else ""
        address = "" if self._network_node is None else f" @ {self._network_node.ip}"
        return f"<{type(self).__name__}: {self.state.value}{at}{address}>"

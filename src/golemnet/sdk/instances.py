"""One instance of a service: a command that runs in a container, watched until it ends or is not well."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from golemnet.errors import GolemError
from golemnet.requestor.published.errors import CommandExecutionError
from golemnet.requestor.published.network import Net, Network, NetworkSerialization, Node
from golemnet.requestor.published.service import NO_EXCEPTION, Handler, Service, ServiceSerialization
from golemnet.requestor.published.service_state import ServiceState
from golemnet.requestor.published.socket_proxy import ProxyServer, SocketProxy, app_key_of
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.sdk.errors import Unhealthy, WrongArgument
from golemnet.sdk.health import Check, is_well
from golemnet.sdk.options import Restart

HOST = "127.0.0.1"
FOLDER = "/golem/work"
# Each instance is alone in its network, so that two of them can be at one provider.
RANGE = "192.168.0.0/24"
CHECK_S, FIRST_CHECK_S = 2.0, 0.2
ASK_S = 5.0
TERMINATED = "Terminated"
MISSES = 3
MAX_SHOWN = 60
_SCRIPT = f'cd {FOLDER} && exec "$@"'

log = logging.getLogger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the instances of a service are.

    Of one that has never been well, ``retries`` are the starts after the first; ``ready_s`` is how long it
    may take to be well.
    """

    command: str | Sequence[str]
    port: int | None
    files: Sequence[Path]
    healthy: Check | None
    restart: Restart
    retries: int
    ready_s: float
    owner_id: str
    client: Client

    @property
    def shown(self) -> str:
        """The command as a person would write it."""
        text = self.command if isinstance(self.command, str) else shlex.join(self.command)
        return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."

    @property
    def arguments(self) -> Sequence[str]:
        """The command as a program and its arguments."""
        return ("/bin/sh", "-c", self.command) if isinstance(self.command, str) else self.command


class Left(msgspec.Struct, frozen=True):
    """What is needed to find an instance again."""

    instance: dict[str, Any]
    network: dict[str, Any] | None

    @property
    def activity_id(self) -> str:
        """Its activity."""
        return str(self.instance["activity_id"])

    async def wake(self, client: Client) -> bool:
        """Let it go on; whether it is there still."""
        try:
            state = await client.activity.get_state(self.activity_id, timeout_s=ASK_S)
        except ApiError:
            return False
        if state.current == TERMINATED:
            return False
        with suppress(ApiError):  # other daemons stop nothing, and have nothing to let go on
            await client.activity.suspend_activity(self.activity_id, is_on=False)
        return True


class Instance(Service):
    """A command at a provider, and a port of this machine that leads to it."""

    _is_logged = False

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        self._starts = 1
        self._command: Awaitable[Any] | None = None
        self._own_network: Network | None = None
        self._server = ProxyServer(SocketProxy(()), self, plan.port or 0, HOST, 0)
        self._awake = asyncio.Event()
        self._awake.set()
        self.is_wanted = True
        self.is_lost = False
        self.started = 0.0

    # -- for users -----------------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether it runs, and is well as far as is known."""
        return self.state is ServiceState.running

    @property
    def activity_id(self) -> str | None:
        """Where it runs; None while it has no provider."""
        return None if self._ctx is None else self._ctx._activity.id

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of this machine that lead to it; they stay the same when it is replaced."""
        return HOST, self._server.local_port

    @property
    def url(self) -> str:
        """The same for HTTP."""
        return f"http://{HOST}:{self._server.local_port}"

    async def connect(self) -> None:
        """Connect to its port, and hang up. Raises an exception if nobody listens there."""
        headers = {"Authorization": f"Bearer {app_key_of(self)}"}
        async with aiohttp.ClientSession() as session:
            link = await session.ws_connect(self._server.instance_ws, headers=headers)
            await link.close()

    # -- its life ------------------------------------------------------------------------------------------

    async def start(self) -> Handler:
        """Set up the container, start the command, and wait until it is well."""
        await self._join()
        script = self._context().new_script()
        script.deploy(**self.get_deploy_args())
        script.start()
        for file in self._plan.files:
            script.upload_file(file, f"{FOLDER}/{file.name}")
        yield script
        self.started = asyncio.get_running_loop().time()
        script = self._context().new_script(wait_for_results=False)
        script.run("/bin/sh", "-c", _SCRIPT, "sh", *self._plan.arguments)
        self._command = yield script
        await self._while_it_runs(self._become_well)

    async def run(self) -> Handler:
        """Until the command ends, or is not well any more."""
        await self._while_it_runs(self._stay_well)
        return
        yield

    async def shutdown(self) -> Handler:
        """Nothing: the command ends with its container."""
        return
        yield

    async def reset(self) -> None:
        """It is about to be started elsewhere."""
        await self.release()
        self._starts += 1  # from here to its new state nothing is awaited: who looks sees both

    @property
    def restart_condition(self) -> bool:
        """Whether it is started again; what was never well is given up after some attempts."""
        has_failed = self.exc_info != NO_EXCEPTION
        is_hopeless = not self.service_instance.started_successfully and self._starts > self._plan.retries
        if not self.is_wanted or is_hopeless or not self._awake.is_set():
            return False
        return self._plan.restart == "always" or (self._plan.restart == "on-failure" and has_failed)

    async def _while_it_runs(self, watch: Callable[[], Awaitable[None]]) -> None:
        """Watch, unless the command ends first. Raises what has gone wrong."""
        watching = asyncio.ensure_future(watch())
        ends = {watching} if self._command is None else {watching, asyncio.ensure_future(self._command)}
        try:
            for ended in (await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED))[0]:
                ended.result()
        except CommandExecutionError as error:
            raise Unhealthy(_told(error)) from error
        finally:
            watching.cancel()

    async def _become_well(self) -> None:
        check = self._plan.healthy
        try:
            async with asyncio.timeout(self._plan.ready_s):
                while True:
                    if check is None or await is_well(check, self):
                        return
                    await asyncio.sleep(FIRST_CHECK_S)
        except TimeoutError as error:
            raise Unhealthy(f"It was not healthy within {self._plan.ready_s:g} s.") from error

    async def _stay_well(self) -> None:
        check, missed = self._plan.healthy, 0
        if self.is_lost:
            raise Unhealthy("It was lost while it was suspended.")
        if check is None:
            await asyncio.Event().wait()
            return
        while missed < MISSES:
            await asyncio.sleep(CHECK_S)
            missed = 0 if await is_well(check, self) or not self._awake.is_set() else missed + 1
        raise Unhealthy(f"It was not healthy {missed} times.")

    # -- its network ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the port of this machine; nothing if there is none, or it is open."""
        if self._plan.port is not None and not self._server.local_port:
            await self._server.run()

    async def drain(self, timeout_s: float) -> None:
        """Take no connections any more, and let those that are open come to their end for so long."""
        await self._server.drain(timeout_s)

    def rest(self) -> None:
        """Be suspended from now on: it is not asked how it is, and if it ends it is not started again."""
        self._awake.clear()

    async def stop_still(self) -> None:
        """Stop its processes until it is resumed. Where nobody can do that they go on meanwhile."""
        if self.activity_id is None:
            return
        try:
            await self._plan.client.activity.suspend_activity(self.activity_id)
        except ApiError as error:
            log.info("an instance goes on while it is suspended: %s", error)

    async def release(self) -> None:
        """Remove its network."""
        network, self._own_network = self._own_network, None
        if network is not None:
            with suppress(GolemError):
                await network.remove()

    def left(self) -> Left:
        """What is needed to find it again."""
        network = self._own_network
        serialized: dict[str, Any] = {**self.serialize(), "params": {}}
        return Left(serialized, None if network is None else {**network.serialize()})

    def find(self, left: Left) -> None:
        """Be the instance that was left."""
        place = left.instance["network_node"]
        if left.network is None or place is None:
            return
        serialized: NetworkSerialization = left.network  # pyright: ignore[reportAssignmentType]
        self._own_network = Network.deserialize(Net(self._plan.client), serialized)
        self._network_node = Node(self._own_network, place["node_id"], place["ip"])

    async def _join(self) -> None:
        if self._plan.port is None:
            return
        plan = self._plan
        self._own_network = await Network.create(Net(plan.client), RANGE, plan.owner_id)
        assert self.provider_id is not None
        self._network_node = await self._own_network.add_node(self.provider_id)


def _told(error: CommandExecutionError) -> str:
    """How a command has ended, and the last line that it has written."""
    message, last = error.message or "", (error.stderr or "").strip().rpartition("\n")[2]
    return message if last in message else f"{message} {last}"


def left_of(resume: Sequence[dict[str, Any]]) -> list[Left]:
    """What ``Service.suspend`` has returned. Raises WrongArgument if it is something else."""
    try:
        return msgspec.convert(resume, list[Left])
    except msgspec.ValidationError as error:
        raise WrongArgument("resume is not what `suspend` has returned.", why=f"{error}.") from error


def serialized(left: Left, plan: Plan) -> ServiceSerialization:
    """An instance that was left, as a cluster takes it."""
    return {**left.instance, "params": {"plan": plan}}  # pyright: ignore[reportReturnType]

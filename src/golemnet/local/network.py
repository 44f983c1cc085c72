"""The processes of a local network as an object: brought up, looked at, restarted, taken down."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from golemnet.errors import GolemError
from golemnet.local.child import Child
from golemnet.local.layout import Layout
from golemnet.local.leftovers import note_processes
from golemnet.local.messages import NetworkState, ProcessState
from golemnet.local.plan import (
    DRIVERS,
    REQUESTOR,
    Choices,
    Ports,
    ProcessPlan,
    fork_server,
    node_names,
    plan_network,
    script_environment,
)
from golemnet.local.ports import free_ports
from golemnet.local.stored_secrets import keep_secrets
from golemnet.runtime.forks import ForkServer

# The order of the end: first who needs the others.
_STOP_ORDER = ("agent", "provider", "requestor", "registry", "chain")


class LocalNetwork:
    """The network in ``layout.directory``; ``on_ready`` hears the name of each process that can be used."""

    def __init__(self, layout: Layout, choices: Choices, on_ready: Callable[[str], None]) -> None:
        self._layout = layout
        self._choices = choices
        self._on_ready = on_ready
        names = node_names(choices.providers)
        ports = _choose_ports(names)
        secrets = keep_secrets(layout.secrets_file, names)
        plans = plan_network(choices, layout, ports, secrets)
        self._forks = ForkServer(fork_server(layout), {})
        self._children = {plan.name: Child(plan, layout.log(plan.name), self._forks) for plan in plans}
        self._usable = {plan.name: asyncio.Event() for plan in plans}
        self._environment = script_environment(choices, layout, ports, secrets)
        self._platform = None if choices.driver == DRIVERS[0] else f"{choices.driver}-local-tglm"

    async def bring_up(self) -> None:
        """Start everything, each process as soon as what it needs is ready; the requestor has funds then.

        Raises:
            ExceptionGroup: of GolemError; some process could not be started.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forks.warm())
            for child in self._children.values():
                group.create_task(self._start(child), name=child.plan.name)

    async def restart(self, name: str) -> None:
        """End the process ``name`` if it lives, and start it anew. Raises GolemError."""
        child = self._children.get(name)
        if child is None:
            raise GolemError(
                f"There is no process {name!r}.", next_step=f"It is one of {', '.join(self._children)}."
            )
        await child.stop()
        await self._spawn(child)

    async def take_down(self) -> None:
        """End everything; nothing is left running when this returns."""
        for role in _STOP_ORDER:
            ending = [child.stop() for child in self._children.values() if child.plan.role == role]
            await asyncio.gather(*ending)
        await self._forks.close()

    def state(self) -> NetworkState:
        """How everything is now."""
        processes = [_state(child) for child in self._children.values()]
        return NetworkState(self._choices, processes, {**self._environment, "PATH": search_path()})

    async def _start(self, child: Child) -> None:
        for needed in child.plan.after:
            await self._usable[needed].wait()
        await self._spawn(child)
        if child.plan.role in ("requestor", "provider"):
            await self._prepare_account(child.plan)
        self._usable[child.plan.name].set()
        self._on_ready(child.plan.name)

    async def _spawn(self, child: Child) -> None:
        await child.spawn(self._env(child.plan))
        note_processes(self._layout, [each.pid for each in self._children.values() if each.pid])
        await child.until_ready()

    def _env(self, plan: ProcessPlan) -> Mapping[str, str]:
        env = {"PATH": search_path()}
        if plan.joins:
            env["GOLEM_NET_BOOTSTRAP"] = self._address_to_join
        return env

    @cached_property
    def _address_to_join(self) -> str:
        """Known before the requestor's daemon runs, so that all daemons can start at once."""
        from golemnet.model.keys import NodeKey
        from golemnet.net.endpoint_key import address_of

        env = self._children[REQUESTOR].plan.env
        key = NodeKey.from_bytes(bytes.fromhex(env["YAGNA_AUTOCONF_ID_SECRET"]))
        return address_of(key, env["GOLEM_NET_BIND"])

    async def _prepare_account(self, plan: ProcessPlan) -> None:
        from golemnet.rest.client import Client
        from golemnet.rest.payment import InitAccount

        pays = plan.role == "requestor"
        async with Client.local(self._socket(plan.name)) as client:
            await client.payment.init(InitAccount(platform=self._platform, sender=pays, receiver=not pays))

    def _socket(self, node: str) -> Path:
        return self._layout.node(node) / "yagna.sock"


def search_path() -> str:
    """PATH with the programs of this installation first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _state(child: Child) -> ProcessState:
    plan = child.plan
    return ProcessState(plan.name, plan.role, child.pid, child.ended, child.ready.is_set(), plan.env)


def _choose_ports(names: list[str]) -> Ports:
    chain, registry, *api = free_ports(2 + len(names))
    udp = free_ports(len(names), socket.SOCK_DGRAM)
    return Ports(chain, registry, dict(zip(names, api, strict=True)), dict(zip(names, udp, strict=True)))

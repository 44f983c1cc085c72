"""What a local network consists of: a value, computed from a few choices; nothing is started here."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from golemnet.local.layout import Layout
from golemnet.local.ports import HOST

REQUESTOR = "requestor"
CHAIN = "chain"
REGISTRY = "registry"
MAX_PROVIDERS = 99
DEFAULT_SUBNET = "demo-1"
DRIVERS = ("erc20", "voucher")


class Choices(msgspec.Struct, frozen=True):
    """What a user decides; ``follow`` is the id of a process with which the network ends.

    ``driver`` is how the scripts of its environment pay: ``erc20`` or ``voucher``.
    """

    providers: int = 3
    subnet: str = DEFAULT_SUBNET
    follow: int | None = None
    driver: str = DRIVERS[0]


class Secrets(msgspec.Struct, frozen=True):
    """Keys that stay the same from one start of a network to the next, by the node's name."""

    upload_token: str
    private_keys: dict[str, str]
    app_keys: dict[str, str]


class Ports(msgspec.Struct, frozen=True):
    """Ports on the loopback interface; ``api`` (TCP) and ``net`` (UDP) by the node's name."""

    chain: int
    registry: int
    api: dict[str, int]
    net: dict[str, int]


class ProcessPlan(msgspec.Struct, frozen=True):
    """A process: its arguments, what its environment has on top of ours, and what must be ready before.

    ``joins`` says that it is started with the address of the node to join by; ``is_forked`` that its command
    goes to the fork server, and is not executed.
    """

    name: str
    role: str
    command: Sequence[str]
    env: Mapping[str, str]
    after: Sequence[str] = ()
    joins: bool = False
    is_forked: bool = False


def node_names(providers: int) -> list[str]:
    """The requestor, then the providers."""
    return [REQUESTOR, *(f"provider-{number}" for number in range(1, providers + 1))]


def agent_name(node: str) -> str:
    """The name of the agent that sells for the node ``node``."""
    return node.replace("provider", "agent")


def new_secrets(names: Sequence[str], known: Secrets | None) -> Secrets:
    """Keys for all ``names``; those that are known stay."""
    known = known or Secrets(secrets.token_hex(16), {}, {})
    return Secrets(
        known.upload_token,
        {**{name: secrets.token_hex(32) for name in names}, **known.private_keys},
        {**{name: secrets.token_hex(16) for name in names}, **known.app_keys},
    )


def plan_network(choices: Choices, layout: Layout, ports: Ports, keys: Secrets) -> list[ProcessPlan]:
    """Every process of the network, in an order that respects what each one needs."""
    daemons = [_daemon(name, layout, ports, keys) for name in node_names(choices.providers)]
    agents = [_agent(daemon.name, choices, layout, ports, keys) for daemon in daemons[1:]]
    return [_chain(layout, ports), _registry(layout, ports, keys), *daemons, *agents]


def script_environment(choices: Choices, layout: Layout, ports: Ports, keys: Secrets) -> dict[str, str]:
    """The variables that a requestor's script needs to use the network."""
    return {
        "YAGNA_API_URL": api_url(ports, REQUESTOR),
        **_service_urls(api_url(ports, REQUESTOR)),
        **_way_to_pay(choices),
        "YAGNA_APPKEY": keys.app_keys[REQUESTOR],
        "YAGNA_SUBNET": choices.subnet,
        "YAGNA_DATADIR": str(layout.node(REQUESTOR)),
        "GSB_URL": f"unix:{layout.node(REQUESTOR) / 'yagna.sock'}",
        "GOLEM_REGISTRY_URL": registry_url(ports),
        "GOLEM_REGISTRY_TOKEN": keys.upload_token,
        "GOLEM_CHAIN_FILE": str(layout.chain_file),
    }


def api_url(ports: Ports, node: str) -> str:
    """Where the REST API of ``node`` listens."""
    return f"http://{HOST}:{ports.api[node]}"


def registry_url(ports: Ports) -> str:
    """Where the registry listens."""
    return f"http://{HOST}:{ports.registry}"


def _way_to_pay(choices: Choices) -> dict[str, str]:
    """The usual one is not named: published clients have names of their own for it."""
    if choices.driver == DRIVERS[0]:
        return {}
    return {"YAGNA_PAYMENT_DRIVER": choices.driver, "YAGNA_PAYMENT_NETWORK": "local"}


def _service_urls(api: str) -> dict[str, str]:
    """What clients up to 2021 read instead of the one address."""
    services = ("market", "payment", "activity")
    return {f"YAGNA_{service.upper()}_URL": f"{api}/{service}-api/v1" for service in services}


def _chain(layout: Layout, ports: Ports) -> ProcessPlan:
    command = _program("golem", "chain", "run", str(layout.chain_directory), "--port", str(ports.chain))
    return ProcessPlan(CHAIN, "chain", command, {})


def _registry(layout: Layout, ports: Ports, keys: Secrets) -> ProcessPlan:
    served = ("--port", str(ports.registry), "--ready-made")
    command = ["golem", "registry", "run", str(layout.registry_directory), *served]
    env = {"GOLEM_REGISTRY_TOKEN": keys.upload_token}
    return ProcessPlan(REGISTRY, "registry", command, env, is_forked=True)


def _daemon(name: str, layout: Layout, ports: Ports, keys: Secrets) -> ProcessPlan:
    first = name == REQUESTOR
    env = {
        "YAGNA_DATADIR": str(layout.node(name)),
        "YAGNA_API_URL": api_url(ports, name),
        "YAGNA_AUTOCONF_ID_SECRET": keys.private_keys[name],
        "YAGNA_AUTOCONF_APPKEY": keys.app_keys[name],
        "GOLEM_NET_BIND": f"{HOST}:{ports.net[name]}",
        "GOLEM_NET_LAN": "0",
        "GOLEM_CHAIN_FILE": str(layout.chain_file),
    }
    role = "requestor" if first else "provider"
    return ProcessPlan(name, role, ["daemon"], env, (CHAIN,), joins=not first, is_forked=True)


def _agent(node: str, choices: Choices, layout: Layout, ports: Ports, keys: Secrets) -> ProcessPlan:
    env = {
        "YAGNA_API_URL": api_url(ports, node),
        "YAGNA_APPKEY": keys.app_keys[node],
        "YAGNA_SUBNET": choices.subnet,
        "SUBNET": choices.subnet,
        "DATA_DIR": str(layout.agent(node)),
        "NODE_NAME": node,
        "GOLEM_REGISTRY_URL": registry_url(ports),
    }
    return ProcessPlan(agent_name(node), "agent", ["ya-provider", "run"], env, (node,), is_forked=True)


def fork_server(layout: Layout) -> list[str]:
    """The command line of the process that those which are forked come from."""
    return [sys.executable, "-P", "-m", "golemnet.cli.local_programs", str(layout.directory)]


def _program(name: str, *arguments: str) -> list[str]:
    """The program of this installation, whatever PATH says."""
    main = f"from golemnet.cli.{name} import main; main()"
    installed = Path(sys.executable).parent / name
    return [str(installed), *arguments] if installed.exists() else [sys.executable, "-c", main, *arguments]

"""A whole market on the lab: chain and registry on the internet, a requestor and providers behind routers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from lab import INTERNET_IP, Lab, Machine
from programs import Bootstrap, Daemon, MachineProgram

from golemnet.chain.chain_file import read_chain_file, write_chain_file
from golemnet.image.recipe import Kept
from golemnet.testing.nodes import APP_KEY

SUBNET = "lab"
TOKEN = "t" * 32
CHAIN_PORT = 8545
REGISTRY_PORT = 8000
REGISTRY_URL = f"http://{INTERNET_IP}:{REGISTRY_PORT}"
# anvil listens on loopback only.
TO_LOOPBACK = f"""
table ip ledger {{
  chain arriving {{
    type nat hook prerouting priority -100
    tcp dport {CHAIN_PORT} dnat to 127.0.0.1
  }}
}}
"""


class Market:
    """What everybody shares, and the way to take part."""

    def __init__(self, stack: ExitStack, directory: Path, bootstrap: Bootstrap, chain_file: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._bootstrap = bootstrap
        self._environment = {"GOLEM_CHAIN_FILE": str(chain_file)}

    def node(self, machine: Machine) -> Daemon:
        """A daemon that can pay and be paid."""
        directory = self._directory / machine.name
        return self._stack.enter_context(
            Daemon(machine, directory, self._bootstrap.address, self._environment)
        )

    def provider(self, machine: Machine) -> Daemon:
        """A daemon, and an agent that sells what the machine has."""
        daemon = self.node(machine)
        directory = self._directory / f"{machine.name}-agent"
        environment = {
            "YAGNA_APPKEY": APP_KEY,
            "DATA_DIR": str(directory),
            "NODE_NAME": machine.name,
            "SUBNET": SUBNET,
            "GOLEM_REGISTRY_URL": REGISTRY_URL,
        }
        self._stack.enter_context(
            MachineProgram(machine, directory, "ya-provider", "run", environment=environment)
        )
        return daemon

    @property
    def script_environment(self) -> dict[str, str]:
        """What a script needs on its daemon's machine."""
        return {"YAGNA_APPKEY": APP_KEY, "YAGNA_SUBNET": SUBNET, "GOLEM_REGISTRY_URL": REGISTRY_URL}


@contextmanager
def market(lab: Lab, directory: Path, bootstrap: Bootstrap, image: Kept) -> Iterator[Market]:
    """A chain, a registry with ``image``, and nobody yet; all ends with the ``with``."""
    with ExitStack() as stack:
        chain_file = _chain(lab, directory / "chain", stack)
        _registry(lab, directory / "registry", image, stack)
        yield Market(stack, directory, bootstrap, chain_file)


def _chain(lab: Lab, directory: Path, stack: ExitStack) -> Path:
    command = ("golem", "chain", "run", str(directory), "--port", str(CHAIN_PORT))
    stack.enter_context(MachineProgram(lab.internet, directory, *command))
    lab.internet.setting("ipv4/conf/all/route_localnet", "1")
    lab.internet.rules(TO_LOOPBACK)
    seen_from_outside = directory / "outside.json"
    chain = read_chain_file(directory / "chain.json")
    chain = msgspec.structs.replace(chain, rpc_url=f"http://{INTERNET_IP}:{CHAIN_PORT}")
    write_chain_file(seen_from_outside, chain)
    return seen_from_outside


def _registry(lab: Lab, directory: Path, image: Kept, stack: ExitStack) -> None:
    environment = {"GOLEM_REGISTRY_TOKEN": TOKEN}
    listen = ("--host", INTERNET_IP, "--port", str(REGISTRY_PORT))
    command = ("golem", "registry", "run", str(directory), *listen)
    registry = MachineProgram(lab.internet, directory, *command, environment=environment)
    stack.enter_context(registry)
    registry.run("gvmkit-build", str(image.image), "--push", "--tag", "lab/small", "--registry", REGISTRY_URL)

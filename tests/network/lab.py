"""Machines of a small internet on this one: network namespaces, cables, address translators, faults.

    internet 11.0.0.1 ──┬── router 11.0.0.11 (NAT) ── 192.168.1.0/24 ── machines
                        ├── router 11.0.0.12 (NAT) ── 192.168.1.0/24 ── machines
                        └── ...

All is gone at the end: a namespace takes its interfaces, rules and addresses with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Self, TypeVar

INTERNET_IP = "11.0.0.1"
WIRE = Path(__file__).with_name("wire.py")
STOP_TIMEOUT_S = 5.0
_numbers = count(1)

M = TypeVar("M", bound="Machine")

# Answers come back in; nothing else comes in from outside.
FIREWALL = """
table ip nat {{
  chain out {{ type nat hook postrouting priority 100; oifname "wan" masquerade {ports}; }}
}}
table ip wall {{
  chain forward {{
    type filter hook forward priority 0; policy drop;
    {udp}
    ct state established,related accept
    iifname "lan" accept
  }}
  chain input {{ type filter hook input priority 0; iifname "wan" ct state new drop; }}
}}
"""
# Not between machines of the LAN: some kernels show the rules what a bridge hands on as well.
CUT = """
table inet cut {
  chain forward { type filter hook forward priority -300; iifname "wan" drop; oifname "wan" drop; }
}
"""


def do(*command: str, text: str | None = None) -> str:
    """Run a program of the system; its output. Raises AssertionError with what it says when it fails."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=20)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Machine:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.namespace = f"golem-{os.getpid()}-{next(_numbers)}-{name}"
        self.ip = ""
        do("ip", "netns", "add", self.namespace)
        self.links("set", "lo", "up")

    def links(self, *arguments: str) -> str:
        """``ip link`` here."""
        return do("ip", "-n", self.namespace, "link", *arguments)

    def command(self, *command: str) -> list[str]:
        """``command`` as it has to be started to run here."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def do(self, *command: str, text: str | None = None) -> str:
        """Run a program here; its output."""
        return do(*self.command(*command), text=text)

    def setting(self, name: str, value: str) -> None:
        """Set a value of the kernel's for this namespace, as ``ipv4/ip_forward``."""
        self.do("tee", f"/proc/sys/net/{name}", text=value)

    def rules(self, text: str) -> None:
        """Add rules for ``nft``."""
        self.do("nft", "-f", "-", text=text)

    def address(self, interface: str, ip: str, gateway: str | None = None) -> None:
        """Give the interface an address, instead of those that it had, and a way out."""
        do("ip", "-n", self.namespace, "addr", "flush", "dev", interface)
        do("ip", "-n", self.namespace, "addr", "add", f"{ip}/24", "dev", interface)
        self.links("set", interface, "up")
        if gateway:
            do("ip", "-n", self.namespace, "route", "replace", "default", "via", gateway)
        self.ip = ip

    def remove(self) -> None:
        """End it, and all that is in it."""
        do("ip", "netns", "del", self.namespace)


class Switch(Machine):
    """A machine that others are plugged into."""

    def __init__(self, name: str, bridge: str) -> None:
        super().__init__(name)
        self._bridge = bridge
        self.links("add", bridge, "type", "bridge")
        self.links("set", bridge, "up")

    def plug(self, other: Machine, interface: str) -> None:
        """Lay a cable to a new interface of ``other``."""
        port = f"to-{next(_numbers)}"
        do(
            *("ip", "link", "add", port, "netns", self.namespace, "type", "veth"),
            *("peer", "name", interface, "netns", other.namespace),
        )
        self.attach(port)

    def attach(self, port: str) -> None:
        """Make an interface that is here a port of the switch."""
        self.links("set", port, "master", self._bridge)
        self.links("set", port, "up")


class Lan:
    """A router that translates addresses, and the machines behind it."""

    def __init__(self, lab: Lab, router: Switch) -> None:
        self.router = router
        self._lab = lab
        # All have the same addresses, as at home.
        self._network = "192.168.1"
        self._hosts = count(2)
        router.address("lan", f"{self._network}.1")

    def machine(self, name: str) -> Machine:
        """A new machine behind the router."""
        machine = self._lab.add(Machine(name))
        self.router.plug(machine, "eth0")
        self.move(machine)
        return machine

    def move(self, machine: Machine) -> None:
        """Give the machine another address, as after its sleep."""
        machine.address("eth0", f"{self._network}.{next(self._hosts)}", f"{self._network}.1")

    def cut(self) -> None:
        """Nothing passes the router from now on."""
        self.router.rules(CUT)

    def heal(self) -> None:
        """Undo ``cut``."""
        self.router.do("nft", "delete", "table", "inet", "cut")


class Lab:
    """A small internet within a ``with``."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lans = count(1)

    def __enter__(self) -> Self:
        self.internet = self.add(Switch("internet", "net"))
        self.internet.address("net", INTERNET_IP)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, machine: M) -> M:
        """Remove the machine at the end."""
        self._stack.callback(machine.remove)
        return machine

    def lan(
        self,
        *,
        new_port_for_each: bool = False,
        udp: bool = True,
        delay_ms: float = 0,
        loss: float = 0,
    ) -> Lan:
        """A LAN behind a translator.

        Args:
            new_port_for_each: the translator shows each partner another port, so nobody can be met directly.
            udp: whether UDP passes at all.
            delay_ms: of each packet between the router and the internet.
            loss: the share of packets that is lost there.
        """
        number = next(self._lans)
        router = self.add(Switch(f"router{number}", "lan"))
        if delay_ms or loss:
            self._lossy_cable(router, delay_ms, loss)
        else:
            self.internet.plug(router, "wan")
        router.setting("ipv4/ip_forward", "1")
        router.address("wan", f"11.0.0.{10 + number}", INTERNET_IP)
        ports = "fully-random" if new_port_for_each else ""
        router.rules(FIREWALL.format(ports=ports, udp="" if udp else "meta l4proto udp drop"))
        return Lan(self, router)

    def machine(self, name: str, number: int) -> Machine:
        """A machine with an address that everybody can reach."""
        machine = self.add(Machine(name))
        self.internet.plug(machine, "eth0")
        machine.address("eth0", f"11.0.0.{100 + number}", INTERNET_IP)
        return machine

    def _lossy_cable(self, router: Switch, delay_ms: float, loss: float) -> None:
        port = f"to-{next(_numbers)}"
        ends = [f"/run/netns/{self.internet.namespace}", port, f"/run/netns/{router.namespace}", "wan"]
        wire = subprocess.Popen(
            [sys.executable, str(WIRE), *ends, str(delay_ms), str(loss)], stdout=subprocess.PIPE
        )
        self._stack.callback(wire.wait, STOP_TIMEOUT_S)
        self._stack.callback(wire.terminate)
        assert wire.stdout is not None
        self._stack.callback(wire.stdout.close)
        assert wire.stdout.readline() == b"ready\n"
        self.internet.attach(port)

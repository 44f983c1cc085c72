"""From what a machine has and its owner wants to the properties and constraints of an offer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from golemnet.model import names
from golemnet.model.properties import Value
from golemnet.provider.machine import Machine
from golemnet.provider.presets import Preset

SCHEME = "payu"
RUNTIME = "vm"
RUNTIME_VERSION = "0.4.0"
TRANSFERS = ["gftp", "http", "https"]
DEBIT_NOTE_INTERVAL_S = 120
PAYMENT_TIMEOUT_S = 120
ACCEPT_TIMEOUT_S = 240
PAYMENT_PROTOCOL = 3  # 2: many payees of one transaction; 3: payments out of deposits


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells: what stays the same from offer to offer.

    ``isolation`` and ``capabilities`` are what the runtime's self-test has found; ``addresses`` where we are
    paid, by platform.
    """

    node_name: str
    subnet: str
    machine: Machine
    isolation: str
    addresses: Mapping[str, str]
    capabilities: Sequence[str] = ()


def offer_properties(seller: Seller, preset: Preset) -> dict[str, Value]:
    """The properties of an offer of ``preset``."""
    properties: dict[str, Value] = {
        names.NODE_NAME: seller.node_name,
        names.SUBNET: seller.subnet,
        names.NET_IS_PUBLIC: False,
        names.RUNTIME_NAME: RUNTIME,
        names.RUNTIME_VERSION: RUNTIME_VERSION,
        names.RUNTIME_CAPABILITIES: list(seller.capabilities),
        names.RUNTIME_ISOLATION: seller.isolation,
        names.TRANSFER_PROTOCOLS: list(TRANSFERS),
        names.TELLS_TRANSFER: True,
        names.TELLS_DEPLOY: True,
        names.MULTI_ACTIVITY: True,
        names.TAKES_MANIFESTS: True,
        names.SCHEME: SCHEME,
        names.DEBIT_NOTE_INTERVAL_S: DEBIT_NOTE_INTERVAL_S,
        names.PAYMENT_TIMEOUT_S: PAYMENT_TIMEOUT_S,
        names.ACCEPT_TIMEOUT_S: ACCEPT_TIMEOUT_S,
        names.PAYMENT_PROTOCOL_VERSION: PAYMENT_PROTOCOL,
        **_machine_properties(seller.machine),
        **preset.pricing().to_properties(),
    }
    for platform, address in seller.addresses.items():
        properties[names.platform_address(platform)] = address
    return properties


def offer_constraints(subnet: str, now: datetime) -> str:
    """Which demands an offer is for: of the subnet, and with work that ends after ``now``."""
    return f"(&({names.EXPIRATION}>{int(now.timestamp() * 1000)})({names.SUBNET}={subnet}))"


def _machine_properties(machine: Machine) -> dict[str, Value]:
    return {
        names.CPU_ARCHITECTURE: machine.architecture,
        names.CPU_CORES: machine.cores,
        names.CPU_THREADS: machine.threads,
        names.CPU_VENDOR: machine.vendor,
        names.CPU_BRAND: machine.brand,
        names.CPU_CAPABILITIES: list(machine.capabilities),
        names.MEMORY_GIB: machine.memory_gib,
        names.STORAGE_GIB: machine.storage_gib,
    }

"""What a run asks the market for: properties and constraints of its demand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from golemnet.model import names
from golemnet.rest.payment import MarketDecoration

PACKAGE_FORMAT = "gvmkit-squash"
# A provider whose debit notes stay without an answer stops: the work of a script that was killed ends so.
DEBIT_NOTE_INTERVAL_S = 60
ACCEPT_TIMEOUT_S = 120


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """An image, and what a machine must have to run it.

    ``capabilities`` are those of ``golem.runtime.capabilities``: ``vpn`` for private networks.
    """

    image_hash: str
    image_url: str
    min_mem_gib: float = 0.5
    min_storage_gib: float = 2.0
    min_cpu_threads: int = 1
    capabilities: Sequence[str] = ()

    async def resolve_url(self) -> str:
        """The image as a demand names it: ``hash:sha3:<hash>:<url>``."""
        return f"hash:sha3:{self.image_hash}:{self.image_url}"


class DemandText(msgspec.Struct, frozen=True):
    """A demand as it is published."""

    properties: dict[str, Any]
    constraints: str


def compose(
    package: Package, subnet: str | None, expires: datetime, decoration: MarketDecoration, node_name: str
) -> DemandText:
    """The demand of a run.

    Args:
        package: the image and its needs.
        subnet: the part of the market to buy on; None is all of it.
        expires: when the run ends at the latest.
        decoration: what the allocation adds.
        node_name: how providers see us.
    """
    properties: dict[str, Any] = {
        names.NODE_NAME: node_name,
        names.EXPIRATION: int(expires.timestamp() * 1000),
        names.TASK_PACKAGE: f"hash:sha3:{package.image_hash}:{package.image_url}",
        names.PACKAGE_FORMAT: PACKAGE_FORMAT,
        names.MULTI_ACTIVITY: True,
        names.DEBIT_NOTE_INTERVAL_S: DEBIT_NOTE_INTERVAL_S,
        names.ACCEPT_TIMEOUT_S: ACCEPT_TIMEOUT_S,
        **{each.key: each.value for each in decoration.properties},
    }
    if subnet is not None:
        properties[names.SUBNET] = subnet
    return DemandText(properties, _all_of(_constraints(package, subnet), decoration.constraints))


def _constraints(package: Package, subnet: str | None) -> list[str]:
    conditions = [
        f"{names.MEMORY_GIB}>={package.min_mem_gib}",
        f"{names.STORAGE_GIB}>={package.min_storage_gib}",
        f"{names.CPU_THREADS}>={package.min_cpu_threads}",
        f"{names.RUNTIME_NAME}=vm",
        f"{names.PRICING_MODEL}=linear",
        *(f"{names.RUNTIME_CAPABILITIES}={each}" for each in package.capabilities),
    ]
    return conditions if subnet is None else [f"{names.SUBNET}={subnet}", *conditions]


def _all_of(conditions: Sequence[str], more: Sequence[str]) -> str:
    return "(&" + "".join(f"({each})" for each in conditions) + "".join(more) + ")"

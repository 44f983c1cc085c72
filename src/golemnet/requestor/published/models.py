"""The property models of 0.13.1: nodes, activities, prices, machines."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from golemnet.model import names
from golemnet.requestor.published.model_base import Model, Props, prop

# -- nodes and activities ----------------------------------------------------------------------------------


@dataclass
class NodeInfo(Model):
    """How a node calls itself, and its part of the market."""

    name: str | None = prop(names.NODE_NAME, default=None)
    subnet_tag: str | None = prop(names.SUBNET, default=None)


@dataclass
class Activity(Model):
    """What is asked of an activity."""

    cost_cap: Decimal | None = prop("golem.activity.cost_cap", default=None)
    cost_warning: Decimal | None = prop("golem.activity.cost_warning", default=None)
    timeout_secs: float | None = prop("golem.activity.timeout_secs", default=None)
    expiration: datetime | None = prop(names.EXPIRATION, default=None)
    multi_activity: bool | None = prop(names.MULTI_ACTIVITY, default=None)


NodeInfoKeys = NodeInfo.property_keys()
ActivityKeys = Activity.property_keys()

# -- prices ------------------------------------------------------------------------------------------------

SCHEME = names.SCHEME
PRICE_MODEL = names.PRICING_MODEL
LINEAR_COEFFS = names.LINEAR_COEFFICIENTS
DEFINED_USAGES = names.USAGE_VECTOR


class BillingScheme(enum.Enum):
    """When is paid: afterwards, for what was used."""

    PAYU = "payu"


class PriceModel(enum.Enum):
    """How usage becomes a price."""

    LINEAR = "linear"


class Counter(enum.Enum):
    """The usual usage counters; offers may have others."""

    TIME = names.DURATION_COUNTER
    CPU = names.CPU_COUNTER
    STORAGE = names.STORAGE_COUNTER
    MAXMEM = names.MEMORY_COUNTER
    UNKNOWN = ""


@dataclass(frozen=True)
class Com(Model):
    """What an offer says of its price."""

    scheme: BillingScheme = prop(SCHEME)
    price_model: PriceModel = prop(PRICE_MODEL)

    @abstractmethod
    def calculate_cost(self, usage: Sequence[float]) -> float:
        """What the usage costs, in GLM."""

    @abstractmethod
    def usage_as_dict(self, usage: Sequence[float]) -> dict[str, float]:
        """The usage by the counters' names."""


@dataclass(frozen=True)
class ComLinear(Com):
    """A price for a unit of each counter, and a fixed one."""

    linear_coeffs: list[float] = prop(LINEAR_COEFFS)
    usage_vector: list[str] = prop(DEFINED_USAGES)

    @classmethod
    def _custom_mapping(cls, props: Props, data: dict[str, Any]) -> None:
        coefficients, counters = data["linear_coeffs"], data["usage_vector"]
        if data["price_model"] is not PriceModel.LINEAR:
            raise ValueError("the price is not linear")
        if len(coefficients) != len(counters) + 1:
            raise ValueError(f"{len(counters)} counters need {len(counters) + 1} prices")
        data["linear_coeffs"] = [float(each) for each in coefficients]

    @property
    def fixed_price(self) -> float:
        """GLM for an activity."""
        return self.linear_coeffs[-1]

    @property
    def price_for(self) -> dict[str, float]:
        """GLM for a unit of each counter."""
        return dict(zip(self.usage_vector, self.linear_coeffs[:-1], strict=True))

    def calculate_cost(self, usage: Sequence[float]) -> float:
        """What the usage costs, in GLM."""
        return sum(price * used for price, used in zip(self.linear_coeffs, [*usage, 1.0], strict=True))

    def usage_as_dict(self, usage: Sequence[float]) -> dict[str, float]:
        """The usage by the counters' names."""
        return dict(zip(self.usage_vector, usage, strict=False))


# -- machines ----------------------------------------------------------------------------------------------

INF_MEM = names.MEMORY_GIB
INF_STORAGE = names.STORAGE_GIB
INF_CORES = names.CPU_CORES
INF_THREADS = names.CPU_THREADS
TRANSFER_CAPS = names.TRANSFER_PROTOCOLS
INF_RUNTIME_NAME = names.RUNTIME_NAME
RUNTIME_VM = "vm"


class VmPackageFormat(enum.Enum):
    """How an image is packed."""

    UNKNOWN = None
    GVMKIT_SQUASH = "gvmkit-squash"


class WasmInterface(enum.Enum):
    """Versions of a runtime that nobody offers any more."""

    WASI_0 = "0"
    WASI_0preview1 = "0preview1"


@dataclass
class InfBase(Model):
    """What a machine has."""

    runtime: str = prop(INF_RUNTIME_NAME)
    mem: float = prop(INF_MEM)
    storage: float | None = prop(INF_STORAGE, default=None)
    transfers: list[str] | None = prop(TRANSFER_CAPS, default=None)


@dataclass
class InfVm(InfBase):
    """What a machine that runs images has."""

    runtime = RUNTIME_VM
    cores: int = prop(INF_CORES, default=1)


@dataclass
class ExeUnitRequest(Model):
    """What is to be run."""

    package_url: str = prop(names.TASK_PACKAGE)


@dataclass
class VmRequest(ExeUnitRequest):
    """An image that is to be run."""

    package_format: VmPackageFormat = prop(names.PACKAGE_FORMAT)


@dataclass
class ExeUnitManifestRequest(Model):
    """A manifest of what is to be run, and who vouches for it."""

    manifest: str = prop(names.PAYLOAD_MANIFEST)
    manifest_sig: str | None = prop("golem.srv.comp.payload.sig", default=None)
    manifest_sig_algorithm: str | None = prop("golem.srv.comp.payload.sig.algorithm", default=None)
    manifest_cert: str | None = prop("golem.srv.comp.payload.cert", default=None)
    package_format: VmPackageFormat = prop(names.PACKAGE_FORMAT, default=VmPackageFormat.GVMKIT_SQUASH)
    node_descriptor: dict[str, Any] | None = prop("golem.!exp.gap-31.v0.node.descriptor", default=None)


@dataclass
class VmManifestRequest(ExeUnitManifestRequest):
    """The same, for an image."""

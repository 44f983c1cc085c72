"""What is to be run: images of the registry, manifests, and payloads of a script's own."""

from __future__ import annotations

import base64
import os
from abc import ABC
from dataclasses import dataclass
from typing import Any, Final, Literal

from golemnet.errors import GolemError
from golemnet.image.client import RegistryClient
from golemnet.requestor.published.demand_builder import AutodecoratingModel, DemandBuilder
from golemnet.requestor.published.errors import PackageException
from golemnet.requestor.published.model_base import (
    Model,
    constraint,
    constraint_model_serialize,
    join_str_constraints,
)
from golemnet.requestor.published.models import (
    INF_MEM,
    INF_RUNTIME_NAME,
    INF_STORAGE,
    INF_THREADS,
    RUNTIME_VM,
    VmManifestRequest,
    VmPackageFormat,
    VmRequest,
)

DEFAULT_REPOSITORY_URL = "https://registry.golem.network"
VM_CAPS_VPN: Final = "vpn"
VM_CAPS_MANIFEST_SUPPORT: Final = "manifest-support"
VmCaps = Literal["vpn", "inet", "manifest-support"]


class Payload(AutodecoratingModel, ABC):
    """Base of what can be run; a dataclass of properties and constraints."""


class Package(Payload):
    """An image."""

    async def resolve_url(self) -> str:
        """The image as a demand names it."""
        raise NotImplementedError


def constrained_list() -> list[VmCaps]:
    """No capability."""
    return []


@dataclass(frozen=True)
class VmConstraints(Model):
    """What a machine needs to run an image."""

    min_mem_gib: float = constraint(INF_MEM, operator=">=")
    min_storage_gib: float = constraint(INF_STORAGE, operator=">=")
    min_cpu_threads: int = constraint(INF_THREADS, operator=">=")
    capabilities: list[VmCaps] = constraint("golem.runtime.capabilities", default_factory=constrained_list)
    runtime: str = constraint(INF_RUNTIME_NAME, default=RUNTIME_VM)

    def __str__(self) -> str:
        return join_str_constraints(constraint_model_serialize(self))


@dataclass
class VmPackage(Package):
    """An image of a registry."""

    image_url: str
    constraints: VmConstraints

    async def resolve_url(self) -> str:
        """``hash:sha3:<hash>:<url>``."""
        return self.image_url

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Name the image, and what it needs."""
        demand.ensure(str(self.constraints))
        demand.add(VmRequest(package_url=self.image_url, package_format=VmPackageFormat.GVMKIT_SQUASH))


@dataclass
class VmManifestPackage(Package):
    """An image that a manifest describes."""

    manifest: str
    manifest_sig: str | None
    manifest_sig_algorithm: str | None
    manifest_cert: str | None
    node_descriptor: dict[str, Any] | None
    constraints: VmConstraints

    async def resolve_url(self) -> str:
        """Nothing: the manifest has it."""
        return ""

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Hand over the manifest, and say what it needs."""
        demand.ensure(str(self.constraints))
        demand.add(
            VmManifestRequest(
                manifest=self.manifest,
                manifest_sig=self.manifest_sig,
                manifest_sig_algorithm=self.manifest_sig_algorithm,
                manifest_cert=self.manifest_cert,
                node_descriptor=self.node_descriptor,
            )
        )


async def repo(
    *,
    image_hash: str | None = None,
    image_tag: str | None = None,
    image_url: str | None = None,
    image_use_https: bool = False,
    repository_url: str = DEFAULT_REPOSITORY_URL,
    dev_mode: bool = False,
    min_mem_gib: float = 0.5,
    min_storage_gib: float = 2.0,
    min_cpu_threads: int = 1,
    capabilities: list[VmCaps] | None = None,
) -> Package:
    """An image by its hash or its tag, and what a machine needs to run it.

    ``GOLEM_REGISTRY_URL`` takes the place of a ``repository_url`` that is not given.

    Args:
        image_hash: SHA3-224 of the image.
        image_tag: ``user/name:tag`` in the registry.
        image_url: where the image is; it needs ``image_hash``.
        image_use_https: let providers fetch it by https.
        repository_url: the registry.
        dev_mode: for registries that count downloads: do not count this one.
        min_mem_gib: memory.
        min_storage_gib: disk.
        min_cpu_threads: processors.
        capabilities: what the runtime must be able to do.

    Raises:
        PackageException: it is named by none or by too much of these, or the registry does not know it.
    """
    if (image_hash is None) == (image_tag is None):
        raise PackageException("An image has either a hash or a tag: image_hash, or image_tag.")
    if image_url is not None and image_hash is None:
        raise PackageException("An image with a URL needs its hash as well, to be checked: image_hash.")
    if image_url is None:
        image_hash, image_url = await find_image(image_hash, image_tag, image_use_https, repository_url)
    needs = VmConstraints(min_mem_gib, min_storage_gib, min_cpu_threads, list(capabilities or []))
    return VmPackage(f"hash:sha3:{image_hash}:{image_url}", needs)


async def find_image(
    image_hash: str | None, image_tag: str | None, use_https: bool, repository_url: str
) -> tuple[str, str]:
    """The hash and the URL of an image. Raises PackageException if the registry does not know it."""
    url = repository_url
    if url == DEFAULT_REPOSITORY_URL:
        url = os.environ.get("GOLEM_REGISTRY_URL") or url
    try:
        async with RegistryClient(url) as registry:
            info = await registry.lookup(sha3=image_hash, tag=image_tag)
    except GolemError as error:
        raise PackageException(error.what, why=error.why, next_step=error.next_step) from error
    return info.sha3, info.https if use_https and info.https else info.http or info.https


async def manifest(
    *,
    manifest: str | bytes,
    manifest_sig: str | bytes | None = None,
    manifest_sig_algorithm: str | None = None,
    manifest_cert: str | bytes | None = None,
    node_descriptor: dict[str, Any] | None = None,
    min_mem_gib: float = 0.5,
    min_storage_gib: float = 2.0,
    min_cpu_threads: int = 1,
    capabilities: list[VmCaps] | None = None,
) -> Package:
    """An image that a manifest describes; it may reach hosts of the internet that the manifest names.

    Args:
        manifest: the JSON as bytes, or in base64 as text.
        manifest_sig: its signature, likewise.
        manifest_sig_algorithm: such as ``sha256``.
        manifest_cert: of the key that has signed.
        node_descriptor: a signed statement about us, instead of the three above.
        min_mem_gib: memory.
        min_storage_gib: disk.
        min_cpu_threads: processors.
        capabilities: what the runtime must be able to do.
    """
    needs = VmConstraints(min_mem_gib, min_storage_gib, min_cpu_threads, list(capabilities or []))
    return VmManifestPackage(
        manifest=_base64(manifest) or "",
        manifest_sig=_base64(manifest_sig),
        manifest_sig_algorithm=manifest_sig_algorithm,
        manifest_cert=_base64(manifest_cert),
        node_descriptor=node_descriptor,
        constraints=needs,
    )


def _base64(data: str | bytes | None) -> str | None:
    return base64.b64encode(data).decode() if isinstance(data, bytes) else data

"""Finding the image of a run in the registry."""

from __future__ import annotations

import os
from collections.abc import Sequence

from golemnet.errors import GolemError
from golemnet.image.client import DEFAULT_URL, RegistryClient
from golemnet.image.gvmi import is_image_hash
from golemnet.requestor.demand import Package


async def repo(
    *,
    image_hash: str,
    min_mem_gib: float = 0.5,
    min_storage_gib: float = 2.0,
    min_cpu_threads: int = 1,
    image_url: str | None = None,
    capabilities: Sequence[str] = (),
) -> Package:
    """The image with this hash, and what a machine needs to run it.

    The registry is that of ``GOLEM_REGISTRY_URL``; it is not asked if ``image_url`` is given.

    Args:
        image_hash: SHA3-224 of the image, 56 hex digits, as ``gvmkit-build`` prints it.
        min_mem_gib: memory, in GiB.
        min_storage_gib: disk, in GiB.
        min_cpu_threads: processors.
        image_url: where the image is.
        capabilities: what a provider must be able to do beyond running it, as ``vpn``.

    Raises:
        GolemError: the hash is none, the registry does not know it or cannot be reached.
    """
    if not is_image_hash(image_hash):
        raise GolemError(
            f"{image_hash!r} is not the hash of an image.",
            why="A hash has 56 hexadecimal digits.",
            next_step="`gvmkit-build --push` prints it.",
        )
    return Package(
        image_hash=image_hash,
        image_url=image_url or await _url_of(image_hash),
        min_mem_gib=min_mem_gib,
        min_storage_gib=min_storage_gib,
        min_cpu_threads=min_cpu_threads,
        capabilities=tuple(capabilities),
    )


async def _url_of(image_hash: str) -> str:
    async with RegistryClient(os.environ.get("GOLEM_REGISTRY_URL") or DEFAULT_URL) as registry:
        info = await registry.lookup(sha3=image_hash)
    return info.http or info.https

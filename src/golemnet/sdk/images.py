"""Which image a name means: ready-made ones are built and pushed at their first use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from golemnet.errors import GolemError
from golemnet.image.client import DEFAULT_URL, RegistryClient
from golemnet.image.errors import UnknownImage
from golemnet.image.gvmi import ImageConfig, is_image_hash
from golemnet.image.info import ImageInfo
from golemnet.image.recipe import Recipe, cached_image
from golemnet.image.recipes import PYTHON_VARIABLE, READY_MADE, cache_directory, ready_made_tag
from golemnet.requestor.demand import Package
from golemnet.sdk.errors import WrongPython
from golemnet.sdk.explained import wrong_python
from golemnet.sdk.packing import HERE

MIN_STORAGE_GIB = 0.5


class FoundImage(Package, frozen=True, kw_only=True):
    """An image of the registry; ``config`` is what it says about itself."""

    config: ImageConfig | None = None


async def find_image(
    name: str, min_mem_gib: float, min_cpu_threads: int, say: Callable[[str], None]
) -> FoundImage:
    """The image that ``name`` means: ``small`` or ``python``, a tag, or a hash.

    Args:
        name: as it was written by the user.
        min_mem_gib: memory that a machine must have for it.
        min_cpu_threads: processors, likewise.
        say: hears what takes long.

    Raises:
        GolemError: nobody knows it, or it cannot be built or pushed.
    """
    url = os.environ.get("GOLEM_REGISTRY_URL") or DEFAULT_URL
    async with RegistryClient(url, os.environ.get("GOLEM_REGISTRY_TOKEN")) as registry:
        info = await _look_up(name, registry, say)
        config = await registry.config(info)
    return FoundImage(
        image_hash=info.sha3,
        image_url=info.http or info.https,
        min_mem_gib=min_mem_gib,
        min_storage_gib=MIN_STORAGE_GIB,
        min_cpu_threads=min_cpu_threads,
        config=config,
    )


def check_python(image: FoundImage, name: str) -> None:
    """Find out before anything is spent, if the image says which Python it has. Raises WrongPython."""
    version = image.config.environment.get(PYTHON_VARIABLE, "") if image.config else ""
    if version and version.split(".")[:2] != HERE.split("."):
        raise wrong_python(f"The image {name}", version, HERE)
    if name == "small":
        raise WrongPython("The image small has no Python.", next_step="Use image='python' for functions.")


async def _look_up(name: str, registry: RegistryClient, say: Callable[[str], None]) -> ImageInfo:
    if is_image_hash(name):
        return await registry.lookup(sha3=name)
    if name not in READY_MADE:
        return await _tagged(name, registry)
    recipe = READY_MADE[name]()
    tag = ready_made_tag(recipe)
    try:
        return await registry.lookup(tag=tag)
    except UnknownImage:
        return await _provide(recipe, tag, registry, say)


async def _tagged(name: str, registry: RegistryClient) -> ImageInfo:
    try:
        return await registry.lookup(tag=name)
    except UnknownImage as error:
        ready = ", ".join(READY_MADE)
        raise UnknownImage(
            error.what, why=error.why, next_step=f"Ready-made images are: {ready}. {error.next_step}"
        ) from error


async def _provide(
    recipe: Recipe, tag: str, registry: RegistryClient, say: Callable[[str], None]
) -> ImageInfo:
    if not os.environ.get("GOLEM_REGISTRY_TOKEN"):
        raise GolemError(
            f"The registry does not have the image {recipe.name}, and this script may not push it.",
            why="Pushing needs GOLEM_REGISTRY_TOKEN.",
            next_step='On a local network: eval "$(golem local env)".',
        )
    say(f"the image {recipe.name} is built from Debian packages; once, about a minute")
    kept = await asyncio.to_thread(cached_image, recipe, cache_directory())
    say(f"the image {recipe.name} is pushed, {kept.image.stat().st_size / 1e6:.0f} MB")
    return await registry.push(kept.image, tag)

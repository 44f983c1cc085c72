"""Ready-made images that this machine has built before: a registry can have them from its start."""

from __future__ import annotations

from pathlib import Path

import structlog

from golemnet.image.errors import ImageError
from golemnet.image.recipe import Recipe, kept_image
from golemnet.image.recipes import READY_MADE, ready_made_tag
from golemnet.image.store import ImageStore

log = structlog.get_logger(__name__)


def adopt_ready_made(store: ImageStore, cache: Path) -> list[str]:
    """Put what the folder ``cache`` has of the ready-made images into ``store``; nothing is built.

    One that cannot be read is left out: whoever asks for it builds and pushes it, as ever.

    Returns:
        The tags of those that are in the store now.
    """
    return [tag for recipe in READY_MADE.values() if (tag := _adopt(recipe(), store, cache))]


def _adopt(recipe: Recipe, store: ImageStore, cache: Path) -> str | None:
    tag = ready_made_tag(recipe)
    try:
        if not (kept := kept_image(recipe, cache)):
            return None
        store.set_tag(tag, store.adopt(kept.image, kept.sha3))
    except (ImageError, OSError) as error:
        log.warning("a ready-made image is left out", image=recipe.name, why=str(error))
        return None
    return tag

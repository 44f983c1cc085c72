"""Recipes: images from Debian packages and a few files of one's own, built once and kept."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from golemnet.image.builder import BuiltImage, build_layers
from golemnet.image.debian import debian_layer
from golemnet.image.gvmi import ImageConfig
from golemnet.image.sources import Source

_ROOT_FOLDERS = ("proc", "sys", "dev", "tmp", "root")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into an image.

    ``files`` are paths in the image and their content (executable), ``links`` paths and where they point,
    ``removed`` paths of the packages that are left out. ``hooks`` are mmdebstrap's customize hooks; they
    find ``tools`` (path to content) in the root, and what they leave there as ``products`` is kept beside
    the image; neither tools nor products are in it.
    """

    name: str
    packages: Sequence[str]
    config: ImageConfig
    variant: str = "essential"
    files: Mapping[str, bytes] = {}
    links: Mapping[str, str] = {}
    removed: Sequence[str] = ()
    tools: Mapping[str, bytes] = {}
    hooks: Sequence[str] = ()
    products: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Changes whenever the recipe does."""
        return sha256(msgspec.msgpack.encode(self, order="deterministic")).hexdigest()[:16]


class Kept(msgspec.Struct, frozen=True):
    """An image of a recipe in the cache and the files that came with it, by their path in the root."""

    image: Path
    sha3: str
    products: Mapping[str, Path]


def cached_image(recipe: Recipe, cache: Path) -> Kept:
    """The image of ``recipe`` from the folder ``cache``; it is built when it is not there.

    Raises:
        MissingTool, ImageError: it cannot be built.
    """
    if kept := kept_image(recipe, cache):
        return kept
    folder = _folder(recipe, cache)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{recipe.name}-", dir=cache) as scratch:
        _build_into(recipe, Path(scratch))
        if not (folder / "sha3").exists():  # nobody else has built it meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(scratch, folder)
    return _kept(recipe, folder)


def kept_image(recipe: Recipe, cache: Path) -> Kept | None:
    """The image of ``recipe`` if it has been built into the folder ``cache`` before."""
    folder = _folder(recipe, cache)
    return _kept(recipe, folder) if (folder / "sha3").exists() else None


def build_recipe(recipe: Recipe, output: Path, products: Path) -> BuiltImage:
    """Build ``recipe`` as the gvmi ``output``; its products go below the folder ``products``."""
    with tempfile.TemporaryDirectory(prefix="gvmkit-", dir=output.absolute().parent) as scratch:
        root, own = Path(scratch) / "root.tar", Path(scratch) / "own.tar"
        tools = _hooks_of_tools(recipe.tools, Path(scratch))
        hooks = [*tools, *recipe.hooks, *_hooks_of_products(recipe.products, products)]
        hooks += [f'rm "$1{path}"' for path in recipe.tools]
        debian_layer(recipe.packages, root, variant=recipe.variant, hooks=hooks)
        own.write_bytes(own_layer(recipe))
        return build_layers(Source([root, own], recipe.config), output)


def own_layer(recipe: Recipe) -> bytes:
    """The tar with the recipe's own files, links, folders and removals."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in (*_ROOT_FOLDERS, *recipe.config.volume_paths):
            archive.addfile(_member(path, tarfile.DIRTYPE))
        for path, content in recipe.files.items():
            archive.addfile(_member(path, tarfile.REGTYPE, size=len(content)), io.BytesIO(content))
        for path, target in recipe.links.items():
            archive.addfile(_member(path, tarfile.SYMTYPE, target=target))
        for path in recipe.removed:
            folder, _, name = path.rpartition("/")
            archive.addfile(_member(f"{folder}/.wh.{name}", tarfile.REGTYPE))
    return out.getvalue()


def _folder(recipe: Recipe, cache: Path) -> Path:
    return cache / f"{recipe.name}-{recipe.key}"


def _kept(recipe: Recipe, folder: Path) -> Kept:
    sha3 = (folder / "sha3").read_text().strip()
    products = {path: folder / "products" / path.lstrip("/") for path in recipe.products}
    return Kept(folder / "image.gvmi", sha3, products)


def _build_into(recipe: Recipe, folder: Path) -> None:
    (folder / "products").mkdir()
    built = build_recipe(recipe, folder / "image.gvmi", folder / "products")
    # Written last: a folder with this file is complete.
    (folder / "sha3").write_text(built.sha3)


def _hooks_of_tools(tools: Mapping[str, bytes], folder: Path) -> list[str]:
    hooks = []
    for number, (path, content) in enumerate(tools.items()):
        (folder / f"tool-{number}").write_bytes(content)
        hooks.append(f"upload {folder / f'tool-{number}'} {path}")
    return hooks


def _hooks_of_products(paths: Sequence[str], folder: Path) -> list[str]:
    hooks = []
    for path in paths:
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        hooks += [f"download {path} {target}", f'rm "$1{path}"']
    return hooks


def _member(path: str, kind: bytes, *, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode, info.size, info.linkname = kind, 0o755, size, target
    return info

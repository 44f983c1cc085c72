"""The ``gvmkit-build`` command: make images of execution environments, look into them, and publish them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli.main import run_program
from golemnet.cli.output import show_one
from golemnet.errors import GolemError

app = App(name="gvmkit-build", help="Build images for the Golem Network, without docker.")


@app.default
def build(
    source: Path | None = None,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    debian: str | None = None,
    volume: tuple[str, ...] = (),
    env: tuple[str, ...] = (),
    push: Annotated[bool, Parameter(negative="")] = False,
    tag: str | None = None,
    registry: str | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Build an image and print its hash.

    Args:
        source: a `docker save` archive, an OCI layout, a root folder, a tar of one, or a finished image.
        output: the image's file; by default the source's name with .gvmi.
        debian: build from these Debian packages instead (names separated by commas).
        volume: a folder that is writable and kept from command to command; can be repeated.
        env: a variable NAME=value; can be repeated.
        push: publish the image; the registry's token is in GOLEM_REGISTRY_TOKEN.
        tag: a name under which it is published, as name/image:version.
        registry: where to (GOLEM_REGISTRY_URL).
        json: print JSON for programs.
    """
    image = _build(source, debian, output, volume, env)
    row = _describe(image)
    if push or tag:
        row["url"] = _published(image, tag, registry, is_new=image != source)
    show_one(row, as_json=json)


@app.command
def inspect(image: Path, *, json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Show what an image says of itself.

    Args:
        image: a .gvmi file.
        json: print JSON for programs.
    """
    from golemnet.image.gvmi import read_config

    config = read_config(_existing(image))
    about = {
        "env": list(config.env or ()),
        "user": config.user or "",
        "work_dir": config.work_dir or "",
        "volumes": config.volume_paths,
        "entrypoint": list(config.entrypoint or ()),
        "cmd": list(config.cmd or ()),
    }
    show_one({**_describe(image), **about}, as_json=json)


def _build(
    source: Path | None,
    debian: str | None,
    output: Path | None,
    volumes: tuple[str, ...],
    env: tuple[str, ...],
) -> Path:
    if debian is not None and source is None:
        return _build_debian(debian.split(","), output or Path("debian.gvmi"), volumes, env)
    if debian is not None or source is None:
        raise GolemError(
            "Name one source.", next_step="gvmkit-build image.tar, or gvmkit-build --debian python3-minimal"
        )
    if source.suffix == ".gvmi" and source.is_file():
        return _checked(source)
    from golemnet.image.builder import build_image

    _require_source(source)
    target = output or Path(source.absolute().name).with_suffix(".gvmi")
    return build_image(source, target, volumes=volumes, env=env).path


def _checked(image: Path) -> Path:
    from golemnet.image.gvmi import read_config

    read_config(image)
    return image


def _build_debian(packages: list[str], output: Path, volumes: tuple[str, ...], env: tuple[str, ...]) -> Path:
    from golemnet.image.builder import extended
    from golemnet.image.gvmi import ImageConfig
    from golemnet.image.recipe import Recipe, build_recipe
    from golemnet.image.sources import DEFAULT_VOLUMES

    config = extended(ImageConfig(), (*DEFAULT_VOLUMES, *volumes), env)
    print(f"building from {len(packages)} packages of Debian ...", file=sys.stderr)
    recipe = Recipe(name=output.stem, packages=[name.strip() for name in packages], config=config)
    return build_recipe(recipe, output, output.absolute().parent).path


def _published(image: Path, tag: str | None, registry: str | None, *, is_new: bool) -> str:
    try:
        return asyncio.run(_push(image, tag, registry))
    except GolemError as error:
        kept = f"The image is built: `gvmkit-build {image} --push` publishes it." if is_new else ""
        raise GolemError(error.what, why=error.why, next_step=f"{error.next_step} {kept}".strip()) from error


async def _push(image: Path, tag: str | None, registry: str | None) -> str:
    from golemnet.image.client import DEFAULT_URL, RegistryClient

    url = registry or os.environ.get("GOLEM_REGISTRY_URL") or DEFAULT_URL
    async with RegistryClient(url, os.environ.get("GOLEM_REGISTRY_TOKEN")) as client:
        return (await client.push(image, tag)).http


def _describe(image: Path) -> dict[str, object]:
    from golemnet.image.gvmi import hash_image

    return {"image": str(image), "sha3": hash_image(image), "size": image.stat().st_size}


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise GolemError(f"There is no file {path}.")
    return path


def _require_source(source: Path) -> None:
    if not source.exists():
        raise GolemError(
            f"There is no {source}.",
            next_step=f"If it is the name of a docker image: docker save {source} -o image.tar",
        )


def main() -> None:
    """Run on the arguments of this process."""
    run_program(app)

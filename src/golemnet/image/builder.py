"""Building a gvmi from layers, without docker and without root."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from golemnet.image.errors import BadSource
from golemnet.image.gvmi import ImageConfig, append_config, hash_image
from golemnet.image.sources import Source, open_source
from golemnet.image.squashfs import write_squashfs
from golemnet.image.tree import Tree

_MAX_USERS_BYTES = 1024 * 1024


@dataclass(frozen=True)
class BuiltImage:
    """An image that is ready: its file, its name (SHA3-224) and its size in bytes."""

    path: Path
    sha3: str
    size: int


def build_image(
    path: Path, output: Path, *, volumes: Sequence[str] = (), env: Sequence[str] = ()
) -> BuiltImage:
    """Build the gvmi ``output`` from the archive, layout or folder ``path``.

    Args:
        path: see ``open_source``.
        output: replaced when it exists, only after everything went well.
        volumes: absolute paths of writable folders, added to those that the source names.
        env: ``NAME=value``, added likewise.

    Raises:
        BadSource, MissingTool, ImageError: and nothing is left behind.
    """
    with tempfile.TemporaryDirectory(prefix="gvmkit-", dir=output.absolute().parent) as scratch:
        source = open_source(path, Path(scratch))
        return build_layers(Source(source.layers, extended(source.config, volumes, env)), output)


def build_layers(source: Source, output: Path) -> BuiltImage:
    """Build the gvmi ``output`` from plain tar layers; errors as ``build_image``."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with ExitStack() as stack:
            tree = Tree()
            for layer in source.layers:
                tree.add_layer(stack.enter_context(_open_layer(layer)))
            config = msgspec.structs.replace(source.config, user=numeric_user(source.config.user or "", tree))
            write_squashfs(tree, part)
        _finish(part, config)
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    return BuiltImage(output, hash_image(output), output.stat().st_size)


def extended(config: ImageConfig, volumes: Sequence[str], env: Sequence[str]) -> ImageConfig:
    """``config`` with more volumes and variables."""
    return msgspec.structs.replace(
        config,
        volumes={**(config.volumes or {}), **{volume: {} for volume in volumes}},
        env=(*(config.env or ()), *env),
    )


def numeric_user(user: str, tree: Tree) -> str:
    """``user[:group]`` with names replaced by the numbers that the image's own files give them.

    Raises:
        BadSource: a name is unknown in the image.
    """
    if not user:
        return ""
    name, _, group = user.partition(":")
    uid, gid = _look_up(name, "/etc/passwd", tree)
    return f"{uid}:{_look_up(group, '/etc/group', tree)[0] if group else gid}"


def _look_up(name: str, file: str, tree: Tree) -> tuple[str, str]:
    text = (tree.read(file, _MAX_USERS_BYTES) or b"").decode(errors="replace")
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 3 and name in (fields[0], fields[2]):
            return fields[2], fields[3]
    if name.isdigit():
        return name, "0"
    raise BadSource(f"The image should run as {name!r}, but its {file} does not know that name.")


def _open_layer(layer: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(layer, "r:")
    except (tarfile.TarError, OSError) as error:
        raise BadSource("A layer is not a readable tar archive.", why=str(error)) from error


def _finish(part: Path, config: ImageConfig) -> None:
    try:
        append_config(part, config)
    except ValueError as error:
        raise BadSource("The image's configuration makes no sense.", why=str(error)) from error

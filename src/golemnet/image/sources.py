"""What an image can be built from, as layers: docker archives, OCI layouts, tars of a root, root folders."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from golemnet.image.bundle import Bundle
from golemnet.image.errors import BadSource
from golemnet.image.gvmi import ImageConfig
from golemnet.image.oci_bundle import read_docker_archive, read_oci_layout

DEFAULT_VOLUMES = ("/golem/work", "/golem/output", "/golem/resource")


@dataclass(frozen=True)
class Source:
    """The layers of an image, lowest first, as plain tar files, and how it is set up."""

    layers: Sequence[Path]
    config: ImageConfig


def open_source(path: Path, scratch: Path) -> Source:
    """Find out what ``path`` is and make layers of it.

    Args:
        path: a ``docker save`` archive, an OCI layout (folder or tar), a tar of a root file system, or a
            folder that is one.
        scratch: an empty folder for unpacked layers.

    Raises:
        BadSource: it is nothing of that kind, or damaged.
    """
    if not path.exists():
        raise BadSource(f"There is no {path}.")
    with Bundle.open(path, scratch) as bundle:
        if bundle.has("manifest.json"):
            return Source(*read_docker_archive(bundle))
        if bundle.has("oci-layout"):
            return Source(*read_oci_layout(bundle))
    config = ImageConfig(volumes={volume: {} for volume in DEFAULT_VOLUMES})
    layer = folder_layer(path, scratch / "root.tar") if path.is_dir() else bundle.plain_tar
    return Source([layer], config)


def folder_layer(folder: Path, layer: Path) -> Path:
    """Write the files below ``folder`` to the tar ``layer`` and return it.

    Owners are kept when root does this; a user's files become root's.

    Raises:
        BadSource: a file cannot be read.
    """
    try:
        with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(os.listdir(folder)):
                archive.add(folder / name, name, filter=_owned)
    except OSError as error:
        raise BadSource(f"The folder {folder} cannot be read.", why=str(error)) from error
    return layer


def _owned(info: tarfile.TarInfo) -> tarfile.TarInfo:
    if os.geteuid() != 0:
        info.uid = info.gid = 0
    return info

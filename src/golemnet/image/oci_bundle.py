"""Reading ``docker save`` archives and OCI image layouts: which layers, in which order, and the set-up.

Formats: the image-spec of the Open Containers Initiative (image layout, manifest, config) and the
``manifest.json`` that docker has written beside it since 1.10.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import msgspec

from golemnet.image.bundle import Bundle
from golemnet.image.errors import BadSource
from golemnet.image.gvmi import ImageConfig

MAX_LAYERS = 500
_MAX_INDEXES = 4
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

Layers = tuple[list[Path], ImageConfig]


def read_docker_archive(bundle: Bundle) -> Layers:
    """Layers and set-up of the first image of a ``docker save`` archive. Raises BadSource."""
    manifest = bundle.read_json("manifest.json")
    try:
        image = manifest[0]
        names, config = [str(name) for name in image["Layers"]], str(image["Config"])
    except (LookupError, TypeError) as error:
        raise BadSource("manifest.json in the archive is not docker's.") from error
    _check_count(names)
    return [bundle.unpack_layer(name, None) for name in names], _config(bundle.read_json(config))


def read_oci_layout(bundle: Bundle) -> Layers:
    """Layers and set-up of the image of this machine's architecture in an OCI layout. Raises BadSource."""
    manifest = bundle.read_json("index.json")
    for _ in range(_MAX_INDEXES):
        if "manifests" not in manifest:
            return _read_manifest(bundle, manifest)
        manifest = bundle.read_json(_blob(_choose(manifest["manifests"])))
    raise BadSource("The OCI layout is nested too deeply.")


def _read_manifest(bundle: Bundle, manifest: Any) -> Layers:
    try:
        layers, config = list(manifest["layers"]), _blob(manifest["config"])
    except (LookupError, TypeError) as error:
        raise BadSource("The manifest of the OCI layout is damaged.") from error
    _check_count(layers)
    files = [bundle.unpack_layer(_blob(layer), layer["digest"]) for layer in layers]
    return files, _config(bundle.read_json(config))


def _choose(manifests: Any) -> Any:
    ours = _MACHINES.get(platform.machine(), platform.machine())
    for descriptor in manifests:
        architecture = (descriptor.get("platform") or {}).get("architecture", ours)
        if architecture == ours:
            return descriptor
    raise BadSource(
        f"The OCI layout has no image for {ours}.", next_step=f"Build it with --platform linux/{ours}."
    )


def _blob(descriptor: Any) -> str:
    try:
        algorithm, _, digest = descriptor["digest"].partition(":")
    except (LookupError, TypeError, AttributeError) as error:
        raise BadSource("A descriptor in the OCI layout has no digest.") from error
    if algorithm != "sha256" or not digest.isalnum():
        raise BadSource(f"The digest {descriptor['digest'][:100]!r} is not a sha256.")
    return f"blobs/sha256/{digest}"


def _config(document: Any) -> ImageConfig:
    config = document.get("config") if isinstance(document, dict) else None
    try:
        return msgspec.convert(config or {}, ImageConfig)
    except msgspec.ValidationError as error:
        raise BadSource("The image's configuration is malformed.", why=str(error)) from error


def _check_count(layers: list[Any]) -> None:
    if not layers or len(layers) > MAX_LAYERS:
        raise BadSource(f"The image has {len(layers)} layers; 1 to {MAX_LAYERS} are possible.")

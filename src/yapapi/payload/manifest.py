"""Manifests: what may be run, and which hosts may be reached."""

from golemnet.requestor.published.manifests import (
    CompManifest,
    CompManifestNet,
    CompManifestNetInet,
    CompManifestNetInetOut,
    CompManifestScript,
    Manifest,
    ManifestMetadata,
    ManifestPayload,
    ManifestPayloadPlatform,
)

__all__ = [
    "CompManifest",
    "CompManifestNet",
    "CompManifestNetInet",
    "CompManifestNetInetOut",
    "CompManifestScript",
    "Manifest",
    "ManifestMetadata",
    "ManifestPayload",
    "ManifestPayloadPlatform",
]

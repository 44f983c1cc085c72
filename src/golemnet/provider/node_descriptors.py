"""Node descriptors: what partners of the network let a requestor's node do, as JSON with its signatures.

Each document is signed (Ed25519 over its canonical JSON) by the key of the certificate above it; the
uppermost signs itself. No certificate gives more than it has: of permissions, of uses, of time. The form is
that of Golem's certificates, version 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha512
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from golemnet.model.manifest import Outbound, place_of

MAX_DEPTH: Final = 8
DESCRIPTOR_SCHEMA: Final = "https://schemas.golem.network/v1/node-descriptor.schema.json"
CERTIFICATE_SCHEMA: Final = "https://schemas.golem.network/v1/certificate.schema.json"


_Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class _Urls(msgspec.Struct, frozen=True):
    urls: frozenset[str]


class _Some(msgspec.Struct, frozen=True):
    outbound: Literal["unrestricted"] | _Urls | None = None


Permissions: TypeAlias = Literal["all"] | _Some


class _Period(msgspec.Struct, frozen=True, rename="camel"):
    not_before: _Moment
    not_after: _Moment


class _Key(msgspec.Struct, frozen=True):
    key: str


class _Certificate(msgspec.Struct, frozen=True, rename="camel"):
    validity_period: _Period
    key_usage: Literal["all"] | frozenset[str]
    permissions: Permissions
    public_key: _Key

    def may(self, use: str) -> bool:
        return self.key_usage == "all" or use in self.key_usage


class _Algorithm(msgspec.Struct, frozen=True):
    encryption: Literal["EdDSA", "EdDSAOpenPGP"]


class _Signature(msgspec.Struct, frozen=True):
    algorithm: _Algorithm
    value: str
    signer: Any


class _SignedCertificate(msgspec.Struct, frozen=True):
    schema: str = msgspec.field(name="$schema")
    certificate: dict[str, Any]
    signature: _Signature


class _Node(msgspec.Struct, frozen=True, rename="camel"):
    node_id: str
    validity_period: _Period
    permissions: Permissions


class _SignedNode(msgspec.Struct, frozen=True, rename={"schema": "$schema", "node": "nodeDescriptor"}):
    schema: str
    node: dict[str, Any]
    signature: _Signature


class Descriptor(msgspec.Struct, frozen=True):
    """Whom it is about, what that node may do, and the ids of the certificates above it, nearest first."""

    node_id: str
    permissions: Permissions
    certificates: tuple[str, ...]

    def permits(self, outbound: Outbound) -> bool:
        """Whether a node with it may ask for ``outbound``."""
        if self.permissions == "all":
            return True
        granted = self.permissions.outbound
        if granted == "unrestricted":
            return True
        if granted is None or outbound.unrestricted:
            return False
        return outbound.places <= {place_of(url) for url in granted.urls}


def read_descriptor(document: Mapping[str, Any], now: datetime) -> Descriptor:
    """A descriptor whose signatures are right and that holds now. Raises ValueError."""
    signed = msgspec.convert(document, _SignedNode)
    node = msgspec.convert(signed.node, _Node)
    signer, certificates = _checked_certificate(signed.signature.signer, MAX_DEPTH)
    if signed.schema != DESCRIPTOR_SCHEMA or not signer.may("signNode"):
        raise ValueError("the node descriptor is of another kind, or its signer may not sign such")
    _check_signature(signed.node, signed.signature, signer)
    _check_within(node.permissions, node.validity_period, signer)
    if not node.validity_period.not_before <= now <= node.validity_period.not_after:
        raise ValueError("the node descriptor has expired, or does not hold yet")
    return Descriptor(node.node_id.lower(), node.permissions, tuple(certificates))


def certificate_ids(document: Mapping[str, Any]) -> list[str]:
    """Ids of a certificate and of those above it, nearest first. Raises ValueError."""
    return _checked_certificate(document, MAX_DEPTH)[1]


def _checked_certificate(document: Any, depth: int) -> tuple[_Certificate, list[str]]:
    if depth == 0:
        raise ValueError(f"more than {MAX_DEPTH} certificates")
    signed = msgspec.convert(document, _SignedCertificate)
    certificate = msgspec.convert(signed.certificate, _Certificate)
    if signed.schema != CERTIFICATE_SCHEMA:
        raise ValueError("a certificate is of another kind")
    own_id = sha512(_canonical(signed.certificate)).hexdigest()
    if signed.signature.signer == "self":
        _check_signature(signed.certificate, signed.signature, certificate)
        return certificate, [own_id]
    signer, above = _checked_certificate(signed.signature.signer, depth - 1)
    if not signer.may("signCertificate") or not _uses_within(certificate, signer):
        raise ValueError("a certificate may not sign another, or gives more uses than it has")
    _check_signature(signed.certificate, signed.signature, signer)
    _check_within(certificate.permissions, certificate.validity_period, signer)
    return certificate, [own_id, *above]


def _uses_within(certificate: _Certificate, signer: _Certificate) -> bool:
    if signer.key_usage == "all":
        return True
    return certificate.key_usage != "all" and certificate.key_usage <= signer.key_usage


def _check_signature(document: Mapping[str, Any], signature: _Signature, signer: _Certificate) -> None:
    data = _canonical(document)
    if signature.algorithm.encryption == "EdDSAOpenPGP":
        data = sha512(data).digest()
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer.public_key.key))
        key.verify(bytes.fromhex(signature.value), data)
    except InvalidSignature as error:
        raise ValueError("a signature of the node descriptor is wrong") from error


def _check_within(permissions: Permissions, period: _Period, signer: _Certificate) -> None:
    above = signer.validity_period
    if not above.not_before <= period.not_before <= period.not_after <= above.not_after:
        raise ValueError("a certificate is given for longer than its signer's holds")
    if signer.permissions != "all" and not _covers(signer.permissions, permissions):
        raise ValueError("a certificate gives more than its signer's permissions")


def _covers(above: _Some, below: Permissions) -> bool:
    if below == "all" or not isinstance(below, _Some):
        return False
    if above.outbound == "unrestricted" or below.outbound is None:
        return True
    is_listed = isinstance(above.outbound, _Urls) and isinstance(below.outbound, _Urls)
    return is_listed and below.outbound.urls <= above.outbound.urls  # type: ignore[union-attr]


def _canonical(document: Mapping[str, Any]) -> bytes:
    """JSON Canonicalization Scheme (RFC 8785), for documents without fractions. Raises ValueError."""
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()
    except RecursionError as error:
        raise ValueError("a signed document is too deep") from error

"""Certificates and signatures as requestors and their auditors have them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Authority:
    """An X.509 certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, text: str, algorithm: hashes.HashAlgorithm | None = None) -> str:
        chosen = algorithm or hashes.SHA256()
        if isinstance(self.key, rsa.RSAPrivateKey):
            signature = self.key.sign(text.encode(), padding.PKCS1v15(), chosen)
        else:
            signature = self.key.sign(text.encode(), ec.ECDSA(chosen))
        return base64.b64encode(signature).decode()


def authority(
    name: str,
    above: Authority | None = None,
    *,
    ends: datetime = NOW + YEAR,
    is_ca: bool = True,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> Authority:
    """A certificate that ``above`` has signed, or that signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        above.certificate.subject if above else subject,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        NOW - YEAR,
        ends,
    ).add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    return Authority(builder.sign(above.key if above else key, hashes.SHA256()), key)


def encoded(*certificates: Authority) -> str:
    """As a demand carries them."""
    return base64.b64encode(b"".join(each.pem for each in certificates)).decode()


def manifest(urls: tuple[str, ...] = ("https://a.example",), **changes: object) -> str:
    """The manifest of a demand that asks for ``urls``; for the internet if they are none."""
    out = {"urls": urls} if urls else {"unrestricted": {"urls": True}}
    document = {
        "version": "0.1.0",
        "createdAt": "2026-01-01T00:00:00Z",
        "expiresAt": "2027-01-01T00:00:00Z",
        "payload": [{"hash": f"sha3:{'a' * 56}", "urls": ["http://images.example/a"]}],
        "compManifest": {"version": "0.1.0", "net": {"inet": {"out": out}}},
        **changes,
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


PERIOD = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z"}
ALGORITHM = {"hash": "sha512", "encryption": "EdDSA"}


class Partner:
    """A Golem certificate with its key."""

    def __init__(self, above: Partner | None = None, **changes: object) -> None:
        self._key = Ed25519PrivateKey.generate()
        content = {
            "validityPeriod": PERIOD,
            "keyUsage": "all",
            "permissions": "all",
            "subject": {"displayName": "Pärtner", "contact": {"email": "a@b.example"}},
            "publicKey": {
                "algorithm": "EdDSA",
                "key": self._key.public_key().public_bytes_raw().hex(),
                "parameters": {"scheme": "Ed25519"},
            },
            **changes,
        }
        signer = above or self
        self.document: dict = {
            "$schema": "https://schemas.golem.network/v1/certificate.schema.json",
            "certificate": content,
            "signature": signer.signature(content, above.document if above else "self"),
        }

    def signature(self, content: dict, signer: object) -> dict:
        data = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return {"algorithm": ALGORITHM, "value": self._key.sign(data).hex(), "signer": signer}

    def describe(self, node_id: str, permissions: object = "all", period: dict | None = None) -> dict:
        """A node descriptor."""
        content = {
            "nodeId": node_id,
            "validityPeriod": period or PERIOD,
            "permissions": permissions,
        }
        return {
            "$schema": "https://schemas.golem.network/v1/node-descriptor.schema.json",
            "nodeDescriptor": content,
            "signature": self.signature(content, self.document),
        }

"""TLS without names: a certificate that is known by its hash, which both sides have from elsewhere."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

VALID_FOR = timedelta(days=3650)


class Certificate(NamedTuple):
    """What a listener shows, and the SHA-256 of it."""

    context: ssl.SSLContext
    hash: bytes


def new_certificate() -> Certificate:
    """A new key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "golem")])
    began = datetime.now(UTC) - timedelta(days=1)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + VALID_FOR)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    with tempfile.NamedTemporaryFile(prefix="golem-") as file:  # OpenSSL reads keys from files only
        file.write(signed.public_bytes(Encoding.PEM) + secret)
        file.flush()
        context.load_cert_chain(Path(file.name))
    return Certificate(context, signed.fingerprint(hashes.SHA256()))


@cache
def anonymous_context() -> ssl.SSLContext:
    """For who connects, and then compares the hash of what he was shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

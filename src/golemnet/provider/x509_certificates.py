"""X.509 certificates that an owner trusts, and the signatures of manifests that they vouch for.

A signature counts if its certificate leads, issuer by issuer, to one that the owner has, and all hold now.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha512
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

MAX_CERTIFICATES: Final = 16
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def load_certificates(data: bytes) -> list[x509.Certificate]:
    """The certificates of a file: one as DER, or any number as PEM. Raises ValueError."""
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)[:MAX_CERTIFICATES]
        return [x509.load_der_x509_certificate(data)]
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error


def certificate_id(certificate: x509.Certificate) -> str:
    """The SHA-512 of its DER form, in hex."""
    return sha512(certificate.public_bytes(Encoding.DER)).hexdigest()


def signers(
    text: str,
    signature: str,
    algorithm: str,
    certificates: str,
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> list[str]:
    """Ids of the certificates that vouch for ``text``, from the one that signed it up to the one we have.

    Args:
        text: what is signed.
        signature: in base64.
        algorithm: name of the hash.
        certificates: of the signer, and perhaps of its issuers, DER or PEM in base64.
        trusted: those of the owner.
        now: when they must hold.

    Raises:
        ValueError: none vouches for it; says why.
    """
    given = load_certificates(_bytes(certificates))
    leaf = _leaf(given)
    chain = _chain(leaf, given, trusted, now)
    if algorithm.lower() not in _HASHES:
        raise ValueError(f"the signature's algorithm {algorithm[:40]!r} is not supported")
    try:
        _verify(leaf, _bytes(signature), text.encode(), _HASHES[algorithm.lower()]())
    except (InvalidSignature, UnsupportedAlgorithm, TypeError) as error:
        raise ValueError("the signature does not fit the manifest") from error
    return [certificate_id(each) for each in chain]


def _bytes(text: str) -> bytes:
    stripped = "".join(text.split())
    return base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)


def _leaf(given: Sequence[x509.Certificate]) -> x509.Certificate:
    """The one that has issued none of the others. Raises ValueError."""
    try:
        issuers = [each.issuer for each in given if each.issuer != each.subject]
        leaves = [each for each in given if each.subject not in issuers]
    except TypeError as error:  # the library reads names when they are asked for, and so strictly
        raise ValueError(f"a name in a certificate makes no sense: {error}") from error
    if not leaves:
        raise ValueError("no certificate is that of the signer")
    return leaves[-1]


def _chain(
    leaf: x509.Certificate,
    given: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> list[x509.Certificate]:
    """From the leaf to one that is trusted. Raises ValueError."""
    chain = [_holding(leaf, now)]
    while chain[-1] not in trusted:
        issuer = next((each for each in [*trusted, *given] if _has_issued(each, chain[-1])), None)
        if issuer is None or issuer in chain:
            raise ValueError("its certificate is not one that the provider's owner trusts")
        chain.append(_holding(issuer, now))
    return chain


def _holding(certificate: x509.Certificate, now: datetime) -> x509.Certificate:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ValueError("a certificate has expired, or does not hold yet")
    return certificate


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return False


def _verify(
    certificate: x509.Certificate, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm
) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(algorithm))
    else:
        raise UnsupportedAlgorithm("neither RSA nor an elliptic curve")

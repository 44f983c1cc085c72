"""The secp256k1 key of a node, recoverable signatures, and the two hash functions of the network.

A signature is 65 bytes ``r || s || v`` with v 0 or 1; who signed is recovered from it, as on Ethereum.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import coincurve
from Crypto.Hash import keccak

from golemnet.model.node_id import NodeId

DIGEST_BYTES = 32
KEY_BYTES = 32
SIGNATURE_BYTES = 65
# Half of the order of secp256k1: of the two valid s for a message only the lower is taken, so that
# nobody can turn a signed document into a second, different one that is valid too.
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class BadSignature(ValueError):
    """A signature is malformed or was not made by the key that should have made it."""


class NodeKey:
    """A node's private key. Its text form never shows the secret."""

    __slots__ = ("_key", "node_id")

    def __init__(self, key: coincurve.PrivateKey) -> None:
        self._key = key
        self.node_id = _address(key.public_key)

    @classmethod
    def generate(cls) -> NodeKey:
        """A fresh random key."""
        return cls(coincurve.PrivateKey())

    @classmethod
    def from_bytes(cls, secret: bytes) -> NodeKey:
        """The key with this 32-byte secret. Raises ValueError when it is no valid secret."""
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(secret)}")
        return cls(coincurve.PrivateKey(secret))

    def to_bytes(self) -> bytes:
        """The 32-byte secret."""
        return self._key.secret

    def sign(self, digest: bytes) -> bytes:
        """A 65-byte recoverable signature of a 32-byte digest. Raises ValueError for another length."""
        _require_digest(digest)
        return self._key.sign_recoverable(digest, hasher=None)  # pyright: ignore[reportUnknownMemberType]

    def __repr__(self) -> str:
        return f"NodeKey({self.node_id})"


def recover(digest: bytes, signature: bytes) -> NodeId:
    """The node that signed a 32-byte digest.

    Raises:
        BadSignature: it is not a signature of any key.
        ValueError: the digest has another length.
    """
    _require_digest(digest)
    _require_signature(signature)
    try:
        return _address(coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None))
    except Exception as error:  # coincurve raises bare Exception
        raise BadSignature("the signature does not belong to any key") from error


def keccak256(data: bytes) -> bytes:
    """Keccak-256, the hash of Ethereum."""
    return keccak.new(digest_bits=256, data=data).digest()


def sha3_256(data: bytes) -> bytes:
    """SHA3-256 as NIST published it; not the same as :func:`keccak256`."""
    return hashlib.sha3_256(data).digest()


def _address(key: coincurve.PublicKey) -> NodeId:
    return _address_of(key.format(compressed=False))


@lru_cache(maxsize=4096)
def _address_of(point: bytes) -> NodeId:
    """Kept, since most documents are of nodes of which there were others before."""
    return NodeId.from_bytes(keccak256(point[1:])[-20:])


def _require_digest(digest: bytes) -> None:
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(digest)}")


def _require_signature(signature: bytes) -> None:
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    if signature[64] not in (0, 1) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise BadSignature("the signature is not in the one form that is accepted (low s, v 0 or 1)")

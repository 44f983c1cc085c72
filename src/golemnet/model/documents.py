"""Documents signed by a node's key, as they travel and as they are kept.

The body is the msgpack of a struct; the digest that is signed covers the kind as well, so that a
document of one kind can never be shown as one of another.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from golemnet.model.keys import BadSignature, NodeKey, recover, sha3_256
from golemnet.model.node_id import NodeId

MAX_BODY_BYTES = 256 * 1024
MAX_KIND_CHARACTERS = 64
_DOMAIN = b"golem/1/"

T = TypeVar("T")


class Signed(msgspec.Struct, frozen=True, gc=False):
    """A signed document: its kind (``agreement``), the msgpack body, a 65-byte signature."""

    kind: str
    body: bytes
    signature: bytes


def sign(kind: str, value: Any, key: NodeKey) -> Signed:
    """``value`` (a msgspec struct) as a document of ``kind``, signed by ``key``.

    Raises:
        ValueError: it is larger than 256 KiB, or the kind is not a short plain name.
    """
    body = msgspec.msgpack.encode(value)
    return Signed(kind=kind, body=body, signature=key.sign(digest(kind, body)))


def open_signed(signed: Signed, kind: str, type_: type[T], signer: NodeId | None = None) -> T:
    """The value of a document of ``kind``, after its signature was checked.

    Args:
        signed: the document.
        kind: what it has to be.
        type_: the struct that its body holds.
        signer: who must have signed it; None for anybody.

    Raises:
        BadSignature: another kind, another signer, or no valid signature.
        ValueError: the body is too large or does not hold a ``type_``.
    """
    value, actual = opened(signed, kind, type_)
    if signer is not None and actual != signer:
        raise BadSignature(f"the {kind} was signed by {actual}, not by {signer}")
    return value


def opened(signed: Signed, kind: str, type_: type[T]) -> tuple[T, NodeId]:
    """As :func:`open_signed`, and who has signed it."""
    if signed.kind != kind:
        raise BadSignature(f"a document of kind {kind!r} was expected, not {signed.kind[:80]!r}")
    signer = signer_of(signed)
    return _decode(signed, type_), signer


def signer_of(signed: Signed) -> NodeId:
    """The node that signed the document. Raises BadSignature, or ValueError when it is too large."""
    return recover(digest(signed.kind, signed.body), signed.signature)


def digest(kind: str, body: bytes) -> bytes:
    """The 32 bytes that are signed: SHA3-256 over ``golem/1/``, the kind, a NUL and the body."""
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a document has {len(body)} bytes; {MAX_BODY_BYTES} are allowed")
    if not kind.isascii() or "\0" in kind or not 0 < len(kind) <= MAX_KIND_CHARACTERS:
        raise ValueError(f"{kind[:80]!r} is not the kind of a document")
    return sha3_256(_DOMAIN + kind.encode() + b"\0" + body)


def _decode(signed: Signed, type_: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(signed.body, type=type_)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the {signed.kind} cannot be read: {error}") from error

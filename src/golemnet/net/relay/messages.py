"""The messages of iroh's relay protocol (version 2), as a relay reads and writes them. Pure.

Each is one binary WebSocket message: a kind (a variable-length integer of QUIC, one byte for all there are)
and its fields. A datagram's content is end-to-end encrypted; what a relay knows is who sends to whom.
"""

from __future__ import annotations

import msgspec

CHALLENGE, CLIENT_AUTH, CONFIRMED, DENIED = 0, 1, 2, 3
TO_RELAY, TO_RELAY_BATCH, TO_CLIENT, TO_CLIENT_BATCH = 4, 5, 6, 7
GONE, PING, PONG, RESTARTING, STATUS = 8, 9, 10, 12, 13

KEY_BYTES = 32
SIGNATURE_BYTES = 64
CHALLENGE_BYTES = 16
PING_BYTES = 8
MAX_MESSAGE_BYTES = 1 + 64 * 1024
SAME_ENDPOINT = 1
# An ECN byte; a batch has the length of a segment as well.
_SMALLEST_CONTENT = {TO_RELAY: 1, TO_RELAY_BATCH: 3}
_ANSWERS = {TO_RELAY: TO_CLIENT, TO_RELAY_BATCH: TO_CLIENT_BATCH}


class Auth(msgspec.Struct, frozen=True):
    """Who a client says it is, and its signature of the challenge."""

    key: bytes
    signature: bytes


class Datagram(msgspec.Struct, frozen=True):
    """One or several datagrams for the client with the key ``to``; ``kind`` and ``content`` are handed on."""

    to: bytes
    kind: int
    content: bytes


class Ping(msgspec.Struct, frozen=True):
    """A question that is answered with the same bytes."""

    payload: bytes


class Pong(msgspec.Struct, frozen=True):
    """The answer to a question of ours."""


FromClient = Datagram | Ping | Pong


def read_auth(message: bytes) -> Auth:
    """The answer to a challenge. Raises ValueError."""
    # Before the signature stands its length, as one byte.
    if len(message) != 2 + KEY_BYTES + SIGNATURE_BYTES or message[0] != CLIENT_AUTH:
        raise ValueError("not the answer to a challenge")
    if message[1 + KEY_BYTES] != SIGNATURE_BYTES:
        raise ValueError("a signature has 64 bytes")
    return Auth(message[1 : 1 + KEY_BYTES], message[2 + KEY_BYTES :])


def read(message: bytes) -> FromClient:
    """What a client says once it is known. Raises ValueError."""
    if not 0 < len(message) <= MAX_MESSAGE_BYTES:
        raise ValueError(f"a message has 1 to {MAX_MESSAGE_BYTES} bytes")
    kind = message[0]
    if kind in _SMALLEST_CONTENT:
        return _datagram(kind, message)
    if kind in (PING, PONG) and len(message) == 1 + PING_BYTES:
        return Ping(message[1:]) if kind == PING else Pong()
    raise ValueError(f"a client does not send kind {kind} with {len(message)} bytes")


def challenge(random: bytes) -> bytes:
    """Sign this."""
    return bytes([CHALLENGE]) + random


def confirmed() -> bytes:
    """You are who you say."""
    return bytes([CONFIRMED])


def denied(reason: str) -> bytes:
    """You are not, or may not."""
    text = reason.encode()[:127]
    return bytes([DENIED, len(text)]) + text


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return bytes([PONG]) + payload


def gone(key: bytes) -> bytes:
    """Who sent to you before has left."""
    return bytes([GONE]) + key


def replaced() -> bytes:
    """Another connection has shown the same key; this one gets nothing any more."""
    return bytes([STATUS, SAME_ENDPOINT])


def handed_on(datagram: Datagram, sender: bytes) -> bytes:
    """The datagram as its receiver gets it."""
    return bytes([_ANSWERS[datagram.kind]]) + sender + datagram.content


def _datagram(kind: int, message: bytes) -> Datagram:
    content = message[1 + KEY_BYTES :]
    if len(content) < _SMALLEST_CONTENT[kind]:
        raise ValueError("a datagram is too short")
    return Datagram(message[1 : 1 + KEY_BYTES], kind, content)

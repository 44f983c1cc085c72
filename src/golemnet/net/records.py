"""Node records: which endpoint key belongs to a node id, and where it can be found.

A record is a document signed by the node's key, so anyone may pass it on. Nodes exchange the records that
they know when they meet, and pass on what is new to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from golemnet.model.documents import Signed, opened, sign
from golemnet.model.keys import BadSignature, NodeKey
from golemnet.model.node_id import NodeId

KIND = "node-record"
LIFETIME = timedelta(hours=1)
MAX_LIFETIME = timedelta(hours=24)
MAX_CLOCK_SKEW = timedelta(minutes=5)
MAX_RECORDS = 10_000
MAX_ADDRESSES = 16
ENDPOINT_KEY_BYTES = 32
MAX_RELAY_URL = 200


class Place(msgspec.Struct, frozen=True):
    """Where an endpoint is: its key, ``ip:port`` addresses, and the URL of its relay if it has one."""

    endpoint_key: bytes
    addresses: list[str]
    relay: str = ""


class NodeRecord(msgspec.Struct, frozen=True, array_like=True):
    """Signed by the node.

    Attributes:
        node_id: whose record it is.
        endpoint_key: ed25519 public key, 32 bytes, of its endpoint.
        addresses: ``ip:port`` of UDP, IPv6 in brackets.
        expires: epoch seconds; nobody uses it later.
        sequence: epoch milliseconds of its making; the highest counts.
        relay: URL of the relay by which it can be reached; empty if there is none.
    """

    node_id: str
    endpoint_key: bytes
    addresses: list[str]
    expires: int
    sequence: int
    relay: str = ""


def make_record(key: NodeKey, place: Place, now: datetime) -> Signed:
    """The record of the node with ``key``, signed, good for an hour."""
    record = NodeRecord(
        node_id=str(key.node_id),
        endpoint_key=place.endpoint_key,
        addresses=place.addresses[:MAX_ADDRESSES],
        expires=int((now + LIFETIME).timestamp()),
        sequence=int(now.timestamp() * 1000),
        relay=place.relay,
    )
    return sign(KIND, record, key)


def read_record(signed: Signed, now: datetime) -> NodeRecord:
    """The record, checked.

    Raises:
        BadSignature: not signed by the node that it is about.
        ValueError: expired, from the future, or malformed.
    """
    record, signer = opened(signed, KIND, NodeRecord)
    if record.node_id != signer:
        raise BadSignature(f"{signer} signed a record of {record.node_id[:80]!r}")
    _check_time(record, now)
    _check_places(record)
    return record


class KnownRecord(msgspec.Struct, frozen=True):
    """A record, the document that proves it, and who has brought it."""

    record: NodeRecord
    signed: Signed
    source: str


class RecordBook:
    """The newest record of each node that was heard of; at most 10,000.

    When there are more, one is forgotten of those that the most came with from one source, so that whoever
    makes up nodes crowds out those that he has brought himself.
    """

    def __init__(self) -> None:
        self._known: dict[NodeId, KnownRecord] = {}
        self._of_source: dict[str, dict[NodeId, None]] = {}
        self._changed = asyncio.Event()

    def add(self, signed: Signed, now: datetime, source: str = "") -> NodeRecord | None:
        """Take the record in; returns it if it says something new, None if it is known or older.

        Args:
            signed: the record.
            now: the time.
            source: who has brought it.

        Raises:
            ValueError: it is not a good record (BadSignature if it is forged).
        """
        record = read_record(signed, now)
        node = NodeId.parse(record.node_id)
        known = self._known.get(node)
        if known is not None and known.record.sequence >= record.sequence:
            return None
        self._forget(node)
        self._known[node] = KnownRecord(record, signed, source)
        self._of_source.setdefault(source, {})[node] = None
        if len(self._known) > MAX_RECORDS:
            self._forget(next(iter(max(self._of_source.values(), key=len))))
        self._wake()
        return record

    def get(self, node: NodeId, now: datetime) -> NodeRecord | None:
        """The record of ``node``, unless none is known or it has expired."""
        known = self._known.get(node)
        return known.record if known and known.record.expires > now.timestamp() else None

    def signed(self, node: NodeId, now: datetime) -> Signed | None:
        """The same as ``get``, to hand on."""
        known = self._known.get(node)
        return known.signed if known and known.record.expires > now.timestamp() else None

    def has(self, signed: Signed) -> bool:
        """Whether exactly this document is known; spares checking its signature again."""
        return any(known.signed == signed for known in self._same_body(signed))

    def all(self, now: datetime) -> list[KnownRecord]:
        """Every record that has not expired."""
        return [known for known in self._known.values() if known.record.expires > now.timestamp()]

    def news(self) -> asyncio.Event:
        """Set when the next new record comes."""
        return self._changed

    def _same_body(self, signed: Signed) -> Iterable[KnownRecord]:
        try:
            claimed = msgspec.msgpack.decode(signed.body, type=NodeRecord)
        except (msgspec.DecodeError, RecursionError):
            return []
        known = self._known.get(NodeId(claimed.node_id))
        return [known] if known else []

    def _forget(self, node: NodeId) -> None:
        known = self._known.pop(node, None)
        if known is None:
            return
        of_source = self._of_source[known.source]
        del of_source[node]
        if not of_source:
            del self._of_source[known.source]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _check_time(record: NodeRecord, now: datetime) -> None:
    seconds = now.timestamp()
    if record.expires <= seconds:
        raise ValueError("the node record has expired")
    if record.expires > seconds + MAX_LIFETIME.total_seconds():
        raise ValueError("the node record would live too long")
    if record.sequence > (seconds + MAX_CLOCK_SKEW.total_seconds()) * 1000:
        raise ValueError("the node record comes from the future")


def _check_places(record: NodeRecord) -> None:
    if len(record.endpoint_key) != ENDPOINT_KEY_BYTES:
        raise ValueError(f"an endpoint key has {ENDPOINT_KEY_BYTES} bytes")
    if len(record.addresses) > MAX_ADDRESSES:
        raise ValueError(f"a node record has at most {MAX_ADDRESSES} addresses")
    for address in record.addresses:
        check_address(address)
    if record.relay:
        check_relay_url(record.relay)


def check_address(address: str) -> None:
    """Refuse by ValueError what is not ``ip:port``."""
    host, _, port = address.rpartition(":")
    ip_address(host.removeprefix("[").removesuffix("]"))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{address[:80]!r} has no port")


def is_private(address: str) -> bool:
    """Whether ``ip:port`` means another machine in another LAN."""
    host, _, _ = address.rpartition(":")
    return ip_address(host.removeprefix("[").removesuffix("]")).is_private


def check_relay_url(url: str) -> None:
    """Refuse by ValueError what is not the URL of a relay."""
    parts = urlsplit(url)
    if len(url) > MAX_RELAY_URL or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url[:80]!r} is not the URL of a relay")
    _ = parts.port  # raises if it is no number

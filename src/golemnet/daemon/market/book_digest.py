"""What a node knows, in a few bytes: by it two nodes find out where they differ without telling all.

What is known falls into buckets by id. A node lists to another the ids of those buckets only in which they
differ.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from golemnet.model.keys import sha3_256

BUCKETS = 256
ALL_BUCKETS = range(BUCKETS)
BUCKET_DIGEST_BYTES = 8


def bucket_of(offer_id: str) -> int:
    """The bucket of an offer and of its withdrawal."""
    return zlib.crc32(offer_id.encode()) % BUCKETS


class Digest:
    """Depends on which offers and withdrawals are known, and on nothing else."""

    def __init__(self) -> None:
        self._whole = 0
        self._buckets = [0] * BUCKETS

    def flip(self, offer_id: str, *more: str) -> None:
        """Something is known from now on, or is no more."""
        mark = int.from_bytes(sha3_256(" ".join((offer_id, *more)).encode()), "big")
        self._whole ^= mark
        self._buckets[bucket_of(offer_id)] ^= mark

    @property
    def whole(self) -> bytes:
        """32 bytes for all of it."""
        return self._whole.to_bytes(32, "big")

    @property
    def buckets(self) -> list[bytes]:
        """Eight bytes for each bucket."""
        return [each.to_bytes(32, "big")[:BUCKET_DIGEST_BYTES] for each in self._buckets]

    def differing(self, others: Sequence[bytes]) -> list[int]:
        """The buckets in which another's digests are not the same; one that it does not name is another."""
        theirs = [*others[:BUCKETS], *[b""] * (BUCKETS - len(others))]
        return [number for number, each in enumerate(self.buckets) if each != theirs[number]]

"""How many messages and bytes went where: counted for each session, and for the node as a whole."""

from __future__ import annotations

import msgspec

# Peers choose the names of methods: long ones are cut, and what is above this number is counted together.
MAX_KINDS = 200
MAX_KIND = 64
OTHER = "other"


class Count(msgspec.Struct):
    """Messages and bytes. Bytes of a stream count without being messages."""

    messages: int = 0
    bytes: int = 0

    def add(self, messages: int, size: int) -> None:
        """So many more."""
        self.messages += messages
        self.bytes += size


class Traffic:
    """What was sent and received, by kind: the method for calls and streams, the frame's name for others.

    Args:
        whole: counts the same beside this one.
    """

    def __init__(self, whole: Traffic | None = None) -> None:
        self.sent: dict[str, Count] = {}
        self.received: dict[str, Count] = {}
        self._whole = whole

    def count_sent(self, kind: str, size: int, messages: int = 1) -> None:
        """Something went out."""
        _add(self.sent, kind, messages, size)
        if self._whole is not None:
            self._whole.count_sent(kind, size, messages)

    def count_received(self, kind: str, size: int, messages: int = 1) -> None:
        """Something came in."""
        _add(self.received, kind, messages, size)
        if self._whole is not None:
            self._whole.count_received(kind, size, messages)


def total(counts: dict[str, Count]) -> Count:
    """The sum over all kinds."""
    return Count(sum(each.messages for each in counts.values()), sum(each.bytes for each in counts.values()))


def _add(counts: dict[str, Count], kind: str, messages: int, size: int) -> None:
    kind = kind[:MAX_KIND]
    if kind not in counts and len(counts) >= MAX_KINDS:
        kind = OTHER
    counts.setdefault(kind, Count()).add(messages, size)

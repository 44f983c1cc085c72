"""The name of a node: the Ethereum address of the key that signs its documents."""

from __future__ import annotations

import re

_FORM = re.compile(r"0x[0-9a-f]{40}")


class NodeId(str):
    """``0x`` and 40 lower-case hex digits. Build it by :meth:`parse` from text that others wrote."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """The node id that ``text`` writes in any case.

        Raises:
            ValueError: it is not ``0x`` and 40 hex digits.
        """
        lowered = text.lower()
        if not _FORM.fullmatch(lowered):
            raise ValueError(f"{text[:80]!r} is not a node id: 0x and 40 hex digits are expected")
        return cls(lowered)

    @classmethod
    def from_bytes(cls, address: bytes) -> NodeId:
        """The node id of a 20-byte address. Raises ValueError for another length."""
        return cls.parse("0x" + address.hex())

    def to_bytes(self) -> bytes:
        """The 20 bytes of the address."""
        return bytes.fromhex(self[2:])

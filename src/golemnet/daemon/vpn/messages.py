"""What nodes say to each other about private networks: msgpack structs.

A node that runs instances asks the requestor's node who the members are, and is told of changes by the
answer to its next question, which waits for one. Packets go on streams, one for each network and direction: a
header, then pieces of packets (``golemnet.model.packets``).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

MEMBERS = "vpn.members"
PACKETS = "vpn.packets"

LONGEST_WAIT_S = 60.0

T = TypeVar("T")


class MembersWanted(msgspec.Struct, frozen=True):
    """Tell the members of a network of yours as soon as they are others than those of ``version``."""

    network_id: str
    version: int = 0


class MemberList(msgspec.Struct, frozen=True):
    """The node of each address; ``version`` grows with each change."""

    version: int
    nodes: dict[str, str]


class PacketHeader(msgspec.Struct, frozen=True):
    """Whose network the packets of a stream belong to: ids are the owner's own."""

    owner: str
    network_id: str


def encode(message: msgspec.Struct) -> bytes:
    """The message as msgpack."""
    return msgspec.msgpack.encode(message)


def decode(data: bytes, type_: type[T]) -> T:
    """A message of ``type_``. Raises ``msgspec.DecodeError``."""
    return msgspec.msgpack.decode(data, type=type_)

"""Private networks between nodes: what others ask of this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from golemnet.daemon.vpn.messages import (
    MEMBERS,
    PACKETS,
    MemberList,
    MembersWanted,
    PacketHeader,
    decode,
    encode,
)
from golemnet.daemon.vpn.segment import Segment
from golemnet.errors import GolemError
from golemnet.model.node_id import NodeId
from golemnet.model.packets import Splitter
from golemnet.net.errors import RemoteError
from golemnet.net.network import Network, Stream
from golemnet.rest.errors import Forbidden, NotFound, status_of

READ_BYTES = 64 * 1024
"""At once: even of the smallest packets these take 15 ms, in which nobody else is served."""

MembersOf = Callable[[NodeId, MembersWanted], Awaitable[MemberList]]
SegmentOf = Callable[[NodeId, str], Segment | None]


def serve(network: Network, members: MembersOf, segment: SegmentOf) -> None:
    """Answer other nodes."""

    async def tell_members(caller: NodeId, body: bytes) -> bytes:
        try:
            return encode(await members(caller, decode(body, MembersWanted)))
        except (GolemError, msgspec.DecodeError) as error:
            raise RemoteError(str(status_of(error)), str(error)) from error

    async def take_packets(caller: NodeId, header: bytes, stream: Stream) -> None:
        try:
            wanted = decode(header, PacketHeader)
            owner = NodeId.parse(wanted.owner)
        except (ValueError, msgspec.DecodeError) as error:
            raise RemoteError("400", "The header is wrong.") from error
        _check_member(segment(owner, wanted.network_id), caller)
        splitter = Splitter()
        while data := await stream.read(READ_BYTES):
            # each time anew: what the network was may have ended
            found = segment(owner, wanted.network_id)
            if found is None:
                raise RemoteError(str(NotFound.status), "Nobody here is in the network any more.")
            found.switch.take_from_node(caller, _packets(splitter, data))

    network.handle(MEMBERS, tell_members)
    network.handle_stream(PACKETS, take_packets)


def _packets(splitter: Splitter, data: bytes) -> list[bytes]:
    try:
        return splitter.feed(data)
    except ValueError as error:
        raise RemoteError("400", "The packets cannot be read.") from error


def _check_member(found: Segment | None, caller: NodeId) -> None:
    if found is None:
        raise RemoteError(str(NotFound.status), "Nobody here is in the network.")
    if caller not in found.switch.members.values():
        raise RemoteError(str(Forbidden.status), "The node is not in the network.")

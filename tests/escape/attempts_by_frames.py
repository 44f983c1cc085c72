"""By the wire of a virtual machine, as its root can: frames of any kind, past the guest's own kernel.

What goes to members of the private network is looked at where it arrives; here it is heard who answers.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterable

from attempting import CONTEXT, attempt
from attempts_on_private_networks import MEMBER, NOBODY, OWN, OWNER

DEVICE = "eth0"
RESOLVER = "198.18.0.1"
INSIDE, OUTSIDE = "192.0.0.2", "192.0.0.1"
ALL_KINDS, ARP_KIND, IPV4_KIND, IPV6_KIND, VLAN_KIND = 3, 0x0806, 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, SYN, ACK = 1, 6, 17, 2, 16
EVERYBODY, US, SOMEBODY = b"\xff" * 6, bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
LISTEN_S, FLOOD_S = 0.5, 0.25


def wire() -> socket.socket:
    talk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_KINDS))
    talk.bind((DEVICE, ALL_KINDS))
    return talk


def frame(content: bytes, kind: int = IPV4_KIND, to: bytes = SOMEBODY, of: bytes = US) -> bytes:
    return to + of + struct.pack("!H", kind) + content


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data + bytes(len(data) % 2)))
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def packet(source: str, target: str, protocol: int, content: bytes, fragment: int = 0) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 7, fragment, 64, protocol, 0)
    return head[:10] + struct.pack("!H", checksum(head + ends)) + ends + content


def echo(source: str, target: str) -> bytes:
    return packet(source, target, ICMP, struct.pack("!BBHHH", 8, 0, 0xF7FD, 1, 1))


def opening(source: str, target: str, port: int) -> bytes:
    head = struct.pack("!HHIIBBHHH", 40_000, port, 1, 0, 0x50, SYN, 1024, 0, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", TCP, len(head))
    return packet(source, target, TCP, head[:16] + struct.pack("!H", checksum(ends + head)) + head[18:])


def answers(frames: Iterable[bytes], is_one: Callable[[bytes], bool]) -> list[bytes]:
    """What comes by the wire when the frames are sent; what this machine sends itself is no answer."""
    with wire() as talk:
        for each in frames:
            with contextlib.suppress(OSError):
                talk.send(each)
        heard, until = [], time.monotonic() + LISTEN_S
        while (left := until - time.monotonic()) > 0:
            talk.settimeout(left)
            with contextlib.suppress(TimeoutError):
                got, (*_, kind, _, _) = talk.recvfrom(65535)
                heard += [got] if kind != socket.PACKET_OUTGOING and is_one(got) else []
    return heard


def told(heard: list[bytes]) -> str | None:
    return f"{len(heard)} answers, as {heard[0][:60].hex()}" if heard else None


def is_echo(heard: bytes) -> bool:
    return heard[12:14] == b"\x08\x00" and heard[23] == ICMP and heard[34] == 0


def is_connected(heard: bytes) -> bool:
    return heard[12:14] == b"\x08\x00" and heard[23] == TCP and heard[47] & (SYN | ACK) == SYN | ACK


@attempt
def send_no_frame_at_all() -> str | None:
    """Not a way through: a fair one has to be answered, or the others prove nothing."""
    fair = answers([frame(echo(INSIDE, RESOLVER))], is_echo)
    also = answers([frame(opening(INSIDE, "198.18.0.2", 80))], is_connected)
    return None if fair and also else f"{len(fair)} and {len(also)} answers to fair frames"


@attempt
def send_frames_in_the_name_of_others() -> str | None:
    """Of members, of the provider, of nobody; to members, and to what serves the machine."""
    ours = CONTEXT["forbidden_addresses"]
    sources = [OWNER, MEMBER, NOBODY, OUTSIDE, RESOLVER, "198.18.0.2", "0.0.0.0", "255.255.255.255", *ours]
    targets = [OWNER, MEMBER, RESOLVER]
    forged = [frame(echo(source, target)) for source in sources for target in targets]
    crossed = [frame(echo(INSIDE, MEMBER)), frame(echo(OWN, RESOLVER)), frame(opening(OWN, "198.18.0.2", 80))]
    return told(answers([*forged, *crossed], lambda heard: is_echo(heard) or is_connected(heard)))


@attempt
def connect_to_the_provider_by_frames() -> str | None:
    """To its loopback, its addresses, its daemon; and to what has given us the way out."""
    ports = (CONTEXT["daemon_port"], CONTEXT["forbidden_port"], 22, 443)
    targets = [*CONTEXT["forbidden_addresses"], OUTSIDE, "0.0.0.0", "255.255.255.255", "192.0.0.3", RESOLVER]
    tried = [opening(source, to, port) for source in (INSIDE, OWN) for to in targets for port in ports]
    return told(answers(map(frame, tried), is_connected))


@attempt
def have_addresses_of_hardware_answered_or_believed() -> str | None:
    def asking(operation: int, of: str, to: str) -> bytes:
        head = struct.pack("!HHBBH", 1, IPV4_KIND, 6, 4, operation)
        return head + US + socket.inet_aton(of) + EVERYBODY + socket.inet_aton(to)

    addresses = [OWNER, MEMBER, OUTSIDE, RESOLVER, *CONTEXT["forbidden_addresses"]]
    asked = [asking(1, own, to) for own in (OWN, INSIDE) for to in addresses]
    forged = [asking(2, other, other) for other in addresses]
    sent = [frame(each, ARP_KIND, EVERYBODY) for each in (*asked, *forged)]
    return told(answers(sent, lambda heard: heard[12:14] == b"\x08\x06"))


@attempt
def speak_other_protocols_by_frames() -> str | None:
    """The other one, as what it is and as ours; networks within the network; what switches say."""
    everybody = socket.inet_pton(socket.AF_INET6, "ff02::1")
    six = struct.pack("!IHBB", 6 << 28, 8, 58, 255) + everybody[:15] + b"\x02" + everybody
    six += struct.pack("!BBHHH", 128, 0, 0, 1, 1)
    fair = echo(INSIDE, RESOLVER)
    tagged = struct.pack("!HH", 1, IPV4_KIND) + fair
    sent = [frame(six, IPV6_KIND, EVERYBODY), frame(six), frame(tagged, VLAN_KIND), frame(fair, IPV6_KIND)]
    sent += [frame(bytes(46), kind, bytes.fromhex("0180c2000000")) for kind in (0x88CC, 0x8809, 38)]
    return told(answers(sent, lambda heard: True))


@attempt
def send_what_lies_of_itself() -> str | None:
    """Of its length, of its header, of what it is a piece of; nobody is to end of it."""
    whole = echo(INSIDE, RESOLVER)
    sent = [whole[:-1], whole + bytes(9), whole[:20], whole[:19], b"\x45", b"", b"\x4f" + whole[1:]]
    sent += [b"\x40" + whole[1:], whole[:2] + b"\xff\xff" + whole[4:], bytes(60), b"\xff" * 8000]
    answers(map(frame, sent), lambda heard: False)
    return None


@attempt
def flood_by_frames() -> str | None:
    """With the smallest and the largest, and with beginnings of packets that do not go on."""
    small, large = frame(echo(INSIDE, RESOLVER)), frame(packet(OWN, MEMBER, UDP, bytes(8000)))
    with wire() as talk:
        talk.setblocking(False)
        for kind in (small, large, frame(bytes(1)), None):
            until, number = time.monotonic() + FLOOD_S, 0
            while time.monotonic() < until:
                number += 1
                piece = packet(INSIDE, RESOLVER, UDP, bytes(1400), 0x2000 | number % 8192)
                with contextlib.suppress(OSError):
                    talk.send(kind or frame(piece))
    return None

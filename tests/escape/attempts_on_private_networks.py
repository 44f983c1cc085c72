"""A private network of an activity that is in one: speaking in others' names, to others, and too much.

Nobody answers here. What arrives is looked at where it arrives, at nodes that note each packet.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from attempting import CONTEXT, all_held, attempt

DEVICE = b"eth0"
OWN, OWNER, MEMBER, NOBODY = "10.5.0.2", "10.5.0.1", "10.5.0.3", "10.5.0.9"
FREE_BIND, OPTIONS, ALL_DEVICES_PORT = 15, 4, 9
LOOSE_SOURCE_ROUTE = 131
FLOOD_S = 0.5


def datagrams(option: int = 0) -> socket.socket:
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if option:
        talk.setsockopt(socket.IPPROTO_IP, option, 1)
    return talk


@attempt
def send_nothing_at_all() -> str | None:
    """Not a way through: a fair packet has to arrive, or the others prove nothing."""
    with datagrams() as talk:
        talk.sendto(CONTEXT["greeting"].encode(), (MEMBER, ALL_DEVICES_PORT))
    return None


@attempt
def send_in_the_name_of_others() -> str | None:
    for source in (OWNER, MEMBER, NOBODY, "127.0.0.1", "8.8.8.8", "10.5.0.255", "198.18.0.1"):
        for target in (OWNER, MEMBER):
            with contextlib.suppress(OSError), datagrams(FREE_BIND) as talk:
                talk.bind((source, 0))
                talk.sendto(b"forged", (target, ALL_DEVICES_PORT))
    return None


@attempt
def leave_the_network_by_its_device() -> str | None:
    """What is bound to a device needs no route: every packet goes out by it."""

    def connected(address: str) -> str:
        with socket.socket() as talk:
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE)
            talk.settimeout(0.1)
            talk.connect((address, CONTEXT["forbidden_port"]))
            return f"{address} was reached"

    others = ("10.5.0.1", "8.8.8.8", "169.254.169.254", *CONTEXT["forbidden_addresses"])
    return all_held(*(lambda to=to: connected(to) for to in others))


@attempt
def send_by_way_of_a_member() -> str | None:
    """The packet is for the member, and says that it shall be sent on."""
    for beyond in ("127.0.0.1", "8.8.8.8", CONTEXT["forbidden_addresses"][-1]):
        route = bytes([LOOSE_SOURCE_ROUTE, 7, 4]) + socket.inet_aton(beyond) + b"\0"
        with contextlib.suppress(OSError), datagrams() as talk:
            talk.setsockopt(socket.IPPROTO_IP, OPTIONS, route)
            talk.sendto(b"on", (MEMBER, ALL_DEVICES_PORT))
    return None


@attempt
def speak_the_other_protocol() -> str | None:
    number = socket.if_nametoindex(DEVICE.decode())
    for target in ("ff02::1", "fe80::1", "::ffff:10.5.0.9"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as talk:
            talk.sendto(b"six", (target, ALL_DEVICES_PORT, 0, number))
    return None


@attempt
def flood_everybody() -> str | None:
    """By broadcasts and to groups, which a network of such nodes does not have."""
    return flood(["255.255.255.255", "10.5.0.255", "10.5.0.0", "224.0.0.1", NOBODY])


@attempt
def flood_a_member() -> str | None:
    return flood([MEMBER])


def flood(targets: list[str]) -> str | None:
    until, block = time.monotonic() + FLOOD_S, bytes(100)
    with datagrams() as talk:
        talk.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE)
        talk.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s", socket.inet_aton(OWN)))
        while time.monotonic() < until:
            for target in targets:
                with contextlib.suppress(OSError):
                    talk.sendto(block, (target, ALL_DEVICES_PORT))
    return None

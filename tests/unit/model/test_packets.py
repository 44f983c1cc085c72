"""IPv4 packets in pieces."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.packets import Splitter, addresses_of, join, split
from golemnet.runtime.ping import echo_request

ONE, OTHER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
PACKET = echo_request(OTHER, ONE)


def test_a_packet_says_from_where_to_where():
    assert addresses_of(PACKET) == (ONE, OTHER)


@pytest.mark.parametrize(
    "wrong", [b"", PACKET[:19], PACKET[:-1], PACKET + b"x", b"\x65" + PACKET[1:], b"\0" * 40]
)
def test_what_is_no_whole_packet_is_not_read(wrong):
    assert addresses_of(wrong) is None


@given(
    packets=st.lists(st.binary(min_size=20, max_size=300), max_size=8),
    cut=st.integers(min_value=1, max_value=50),
)
def test_packets_come_out_as_they_went_in_however_they_are_cut(packets, cut):
    data, splitter = join(packets), Splitter()
    found = [packet for at in range(0, len(data), cut) for packet in splitter.feed(data[at : at + cut])]
    assert found == packets
    assert splitter.is_empty
    assert split(data) == packets


def test_a_piece_that_ends_within_a_packet_is_refused():
    with pytest.raises(ValueError, match="within a packet"):
        split(join([PACKET])[:-1])


@pytest.mark.parametrize("length", [0, 19])
def test_pieces_of_what_is_no_packet_are_refused(length):
    with pytest.raises(ValueError, match="shorter than its header"):
        Splitter().feed(join([PACKET, bytes(length)]))

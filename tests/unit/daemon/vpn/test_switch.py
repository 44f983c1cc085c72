"""Which packet goes where: values in, values out."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from golemnet.daemon.vpn.switch import Port, Switch
from golemnet.model.node_id import NodeId
from golemnet.runtime.ping import echo_request

HERE, THERE, STRANGER = (NodeId("0x" + digit * 40) for digit in "123")
MINE, MINE_TOO, THEIRS, NOBODYS = (IPv4Address(f"10.0.0.{number}") for number in (1, 2, 3, 4))


class Ground:
    """A switch with two ports of this node, and one other node."""

    def __init__(self) -> None:
        self.sent: list[tuple[NodeId, bytes]] = []
        self.delivered: dict[str, list[bytes]] = {"one": [], "two": []}
        self.switch = Switch(HERE, lambda node, packets: self.sent.extend((node, each) for each in packets))
        self.switch.members = {MINE: HERE, MINE_TOO: HERE, THEIRS: THERE}
        self.one = Port(self.delivered["one"].extend)
        self.two = Port(self.delivered["two"].extend)
        self.switch.plug(MINE, self.one)
        self.switch.plug(MINE_TOO, self.two)

    @property
    def nothing_happened(self) -> bool:
        return not self.sent and not any(self.delivered.values())


@pytest.fixture
def ground() -> Ground:
    return Ground()


def test_a_packet_goes_to_the_node_that_has_the_address(ground):
    packet = echo_request(THEIRS, MINE)
    ground.switch.take_from_port(ground.one, [packet])
    assert ground.sent == [(THERE, packet)]


def test_instances_of_one_node_meet_on_it(ground):
    packet = echo_request(MINE_TOO, MINE)
    ground.switch.take_from_port(ground.one, [packet])
    assert ground.delivered == {"one": [], "two": [packet]}
    assert ground.sent == []


def test_a_packet_of_another_node_is_delivered(ground):
    packets = [echo_request(MINE, THEIRS), echo_request(MINE_TOO, THEIRS)]
    ground.switch.take_from_node(THERE, packets)
    assert ground.delivered == {"one": packets[:1], "two": packets[1:]}


@pytest.mark.parametrize("source", [MINE_TOO, THEIRS, NOBODYS])
def test_an_instance_sends_in_its_own_name_only(ground, source):
    ground.switch.take_from_port(ground.one, [echo_request(THEIRS, source), echo_request(MINE_TOO, source)])
    assert ground.nothing_happened
    assert ground.switch.dropped["forged source"] == 2


@pytest.mark.parametrize("source", [MINE, NOBODYS])
def test_a_node_sends_in_its_own_name_only(ground, source):
    ground.switch.take_from_node(THERE, [echo_request(MINE_TOO, source)])
    assert ground.nothing_happened
    assert ground.switch.dropped["forged source"] == 1


def test_a_stranger_is_not_heard(ground):
    ground.switch.take_from_node(STRANGER, [echo_request(MINE, THEIRS), echo_request(MINE, NOBODYS)])
    assert ground.nothing_happened
    assert ground.switch.dropped["forged source"] == 2


@pytest.mark.parametrize(
    "destination", ["10.0.0.4", "10.0.0.255", "255.255.255.255", "224.0.0.1", "8.8.8.8", "127.0.0.1"]
)
def test_there_is_nothing_but_the_members(ground, destination):
    ground.switch.take_from_port(ground.one, [echo_request(IPv4Address(destination), MINE)])
    assert ground.nothing_happened
    assert ground.switch.dropped["unknown destination"] == 1


def test_a_node_does_not_pass_on_for_others(ground):
    ground.switch.members = {**ground.switch.members, NOBODYS: STRANGER}
    ground.switch.take_from_node(THERE, [echo_request(NOBODYS, THEIRS)])
    assert ground.nothing_happened


def test_who_is_removed_is_cut_off_at_once(ground):
    ground.switch.members = {MINE: HERE, THEIRS: THERE}
    ground.switch.take_from_port(ground.two, [echo_request(THEIRS, MINE_TOO)])
    ground.switch.take_from_node(THERE, [echo_request(MINE_TOO, THEIRS)])
    assert ground.nothing_happened


def test_what_is_no_ipv4_goes_nowhere(ground):
    ground.switch.take_from_port(ground.one, [b"", b"\x60" + bytes(50), echo_request(THEIRS, MINE)[:-1]])
    ground.switch.take_from_node(THERE, [b"\x45"])
    assert ground.nothing_happened
    assert ground.switch.dropped["not IPv4"] == 4


def test_an_address_without_its_instance_takes_nothing(ground):
    ground.switch.unplug(ground.two)
    ground.switch.take_from_node(THERE, [echo_request(MINE_TOO, THEIRS)])
    assert ground.nothing_happened
    assert ground.switch.dropped["nobody there"] == 1
    ground.switch.unplug(ground.one)
    assert ground.switch.is_empty

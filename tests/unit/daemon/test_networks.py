"""Private networks: who has which address."""

from __future__ import annotations

import pytest

from golemnet.daemon.vpn.networks import MAX_NETWORKS, Networks
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, Conflict, NotFound
from golemnet.rest.vpn import NewNetwork

OWNER, NODE, OTHER = (NodeId("0x" + digit * 40) for digit in "012")


@pytest.mark.parametrize(
    ("asked", "ip", "mask", "gateway"),
    [
        (NewNetwork(ip="192.168.0.0/24"), "192.168.0.0/24", "255.255.255.0", "192.168.0.1"),
        (NewNetwork(ip="192.168.0.0", mask="255.255.0.0"), "192.168.0.0/16", "255.255.0.0", "192.168.0.1"),
        (NewNetwork(ip="192.168.0.0"), "192.168.0.0/24", "255.255.255.0", "192.168.0.1"),
        (
            NewNetwork(ip="192.168.0.0/24", gateway="192.168.0.9"),
            "192.168.0.0/24",
            "255.255.255.0",
            "192.168.0.9",
        ),
    ],
)
def test_a_network_is_described_in_several_ways(asked, ip, mask, gateway):
    made = Networks(OWNER, lambda _: None).create(asked)
    assert (made.ip, made.mask, made.gateway) == (ip, mask, gateway)


@pytest.mark.parametrize(
    "asked",
    [
        NewNetwork(ip="no address"),
        NewNetwork(ip="0.0.0.0/0"),
        NewNetwork(ip="192.168.0.0/31"),
        NewNetwork(ip="192.168.0.0/24", gateway="10.0.0.1"),
        NewNetwork(ip="192.168.0.0", mask="x"),
    ],
)
def test_what_is_no_network_is_refused(asked):
    networks = Networks(OWNER, lambda _: None)
    with pytest.raises((BadRequest, ValueError)):
        networks.create(asked)
    assert networks.all() == []


def test_an_address_is_given_once():
    networks = Networks(OWNER, lambda _: None)
    one = networks.create(NewNetwork(ip="192.168.0.0/24")).id
    networks.add_address(one, "192.168.0.2")
    networks.add_node(one, NODE, "192.168.0.3")
    for taken in ("192.168.0.2", "192.168.0.3"):
        with pytest.raises(Conflict, match="taken"):
            networks.add_node(one, OTHER, taken)
    with pytest.raises(Conflict, match="taken"):
        networks.add_address(one, "192.168.0.3")
    for outside in ("192.168.0.0", "192.168.0.255", "192.168.1.2"):
        with pytest.raises(BadRequest, match="no address"):
            networks.add_node(one, NODE, outside)
    networks.remove_node(one, NODE)
    networks.add_address(one, "192.168.0.3")
    assert [each.ip for each in networks.addresses(one)] == ["192.168.0.2", "192.168.0.3"]
    assert networks.nodes(one) == []


def test_networks_are_apart():
    networks = Networks(OWNER, lambda _: None)
    one, other = (networks.create(NewNetwork(ip="192.168.0.0/24")).id for _ in range(2))
    networks.add_node(one, NODE, "192.168.0.3")
    assert networks.nodes(other) == []
    networks.remove(one)
    assert [each.id for each in networks.all()] == [other]
    with pytest.raises(NotFound):
        networks.add_node(one, NODE, "192.168.0.4")


def test_a_program_cannot_make_networks_without_end():
    networks = Networks(OWNER, lambda _: None)
    for _ in range(MAX_NETWORKS):
        networks.create(NewNetwork(ip="192.168.0.0/24"))
    with pytest.raises(BadRequest, match="too many"):
        networks.create(NewNetwork(ip="192.168.0.0/24"))


def test_what_is_so_already_changes_nothing():
    """yapapi adds everybody again, itself as well, when it is in doubt."""
    told: list[str] = []
    networks = Networks(OWNER, told.append)
    one = networks.create(NewNetwork(ip="192.168.0.0/24")).id
    networks.add_address(one, "192.168.0.1")
    networks.add_node(one, NODE, "192.168.0.2")
    version = networks.members(one).version
    assert told == [one] * 3
    networks.add_address(one, "192.168.0.1")
    networks.add_node(one, NODE, "192.168.0.2")
    networks.add_node(one, OWNER, "192.168.0.1")
    assert (networks.members(one).version, len(told)) == (version, 3)
    assert {str(ip): node for ip, node in networks.node_of_each(one).items()} == {
        "192.168.0.1": OWNER,
        "192.168.0.2": NODE,
    }
    networks.remove_node(one, NODE)
    networks.remove(one)
    assert told == [one] * 5


def test_the_requestor_has_its_addresses_in_either_way():
    networks = Networks(OWNER, lambda _: None)
    one = networks.create(NewNetwork(ip="192.168.0.0/24")).id
    networks.add_node(one, OWNER, "192.168.0.1")
    networks.add_node(one, NODE, "192.168.0.2")
    networks.add_node(one, OWNER, "192.168.0.3")
    assert [str(each) for each in networks.interfaces(one)] == ["192.168.0.1/24"]
    networks.add_address(one, "192.168.0.4")
    networks.add_address(one, "192.168.0.5")
    assert [str(each) for each in networks.interfaces(one)] == ["192.168.0.4/24", "192.168.0.5/24"]

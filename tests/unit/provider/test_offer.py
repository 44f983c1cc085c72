"""What is offered of a machine: never more than it has, nor than its owner allows."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.constraints import parse
from golemnet.model.properties import flatten
from golemnet.provider.machine import Limits, Machine, sold, this_machine
from golemnet.provider.offer import Seller, offer_constraints, offer_properties
from golemnet.provider.presets import Preset

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Machine(
    architecture="x86_64", cores=2, threads=4, memory_gib=8.0, storage_gib=100.0, capabilities=["sse", "avx"]
)
SELLER = Seller(
    node_name="ann",
    subnet="demo-1",
    machine=MACHINE,
    isolation="container",
    addresses={"erc20-local-tglm": "0x1", "erc20-holesky-tglm": "0x2"},
)


@dataclass
class Sold:
    cores: int
    threads: int
    memory_gib: float
    storage_gib: float

    @classmethod
    def of(cls, machine):
        return cls(machine.cores, machine.threads, machine.memory_gib, machine.storage_gib)


@pytest.mark.parametrize(
    ("limits", "offered"),
    [
        (Limits(), Sold(2, 4, 7.0, 80.0)),  # a GiB and a fifth of the disk are kept
        (Limits(threads=1), Sold(1, 1, 7.0, 80.0)),
        (Limits(threads=3), Sold(2, 3, 7.0, 80.0)),
        (Limits(threads=64, memory_gib=64.0, storage_gib=1000.0), Sold(2, 4, 8.0, 100.0)),
        (Limits(memory_gib=1.55, storage_gib=2.19), Sold(2, 4, 1.5, 2.1)),
    ],
)
def test_the_owner_decides_within_what_there_is(limits, offered):
    assert Sold.of(sold(MACHINE, limits)) == offered


def test_a_small_machine_sells_half_of_its_memory():
    small = Machine(architecture="x86_64", cores=1, threads=1, memory_gib=1.5, storage_gib=10.0)
    assert sold(small, Limits()).memory_gib == 0.7


SIZES = st.floats(0.1, 10**5)
OPTIONAL = st.none() | st.floats(0.1, 10**5)


LIMITS = st.builds(Limits, st.none() | st.integers(1, 512), OPTIONAL, OPTIONAL)


@given(st.integers(1, 256), SIZES, SIZES, LIMITS)
def test_never_more_is_sold_than_there_is(threads, memory, storage, limits):
    machine = Machine(
        architecture="x86_64", cores=threads, threads=threads, memory_gib=memory, storage_gib=storage
    )
    part = sold(machine, limits)
    assert 1 <= part.threads <= threads
    assert part.cores <= part.threads
    assert 0 <= part.memory_gib <= memory
    assert 0 <= part.storage_gib <= storage


@given(st.integers(1, 16), st.integers(1, 64))
def test_several_at_once_share_what_one_would_get(threads, shares):
    machine = Machine(
        architecture="x86_64", cores=threads, threads=threads, memory_gib=16.0, storage_gib=100.0
    )
    whole, part = sold(machine, Limits()), sold(machine, Limits(), shares)
    assert part.threads == max(1, threads // shares)
    assert part.cores <= part.threads
    assert part.memory_gib * shares <= whole.memory_gib
    assert part.storage_gib * shares <= whole.storage_gib


def test_this_machine_has_something_to_sell(tmp_path):
    part = sold(this_machine(tmp_path), Limits())
    assert part.threads >= part.cores >= 1
    assert part.memory_gib > 0
    assert part.storage_gib > 0
    assert part.architecture in {"x86_64", "aarch64"}


def test_an_offer_says_what_requestors_ask_for():
    properties = offer_properties(SELLER, Preset("vm"))
    expected = {
        "golem.node.id.name": "ann",
        "golem.node.debug.subnet": "demo-1",
        "golem.runtime.name": "vm",
        "golem.runtime.isolation": "container",
        "golem.inf.cpu.architecture": "x86_64",
        "golem.inf.cpu.threads": 4,
        "golem.inf.mem.gib": 8.0,
        "golem.inf.storage.gib": 100.0,
        "golem.com.scheme": "payu",
        "golem.com.pricing.model": "linear",
        "golem.com.payment.platform.erc20-local-tglm.address": "0x1",
        "golem.com.payment.platform.erc20-holesky-tglm.address": "0x2",
        "golem.srv.caps.multi-activity": True,
    }
    assert {name: properties[name] for name in expected} == expected
    assert flatten(properties) == properties


def test_the_strength_of_the_wall_is_said_and_no_capability_is_claimed():
    properties = offer_properties(SELLER, Preset("vm"))
    assert properties["golem.runtime.capabilities"] == []
    assert properties["golem.node.net.is-public"] is False


def test_offers_are_for_the_subnet_and_for_work_that_is_not_over():
    assert offer_constraints("demo-1", NOW) == (
        "(&(golem.srv.comp.expiration>1767225600000)(golem.node.debug.subnet=demo-1))"
    )


@pytest.mark.parametrize("what", ["deploy", "transfer"])
def test_a_demand_for_progress_is_met(what):
    wanted = parse(f"(golem.activity.caps.{what}.report-progress=true)")
    assert wanted.holds(flatten(offer_properties(SELLER, Preset("vm")))) is True


def test_a_demand_that_is_paid_from_a_deposit_is_met():
    wanted = parse("(golem.com.payment.protocol.version>2)")
    assert wanted.holds(flatten(offer_properties(SELLER, Preset("vm")))) is True

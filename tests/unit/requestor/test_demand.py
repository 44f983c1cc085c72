"""A demand says what its run needs; offers of machines that have it match, others do not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from golemnet.model.matching import match
from golemnet.provider.machine import Machine
from golemnet.provider.negotiation import Counter, answer
from golemnet.provider.offer import Seller, offer_constraints, offer_properties
from golemnet.provider.presets import Preset
from golemnet.requestor.demand import Package, compose
from golemnet.rest.payment import Decoration, MarketDecoration

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES = NOW + timedelta(minutes=10)
HASH = "9a3b5d67b0b27746283cb5f287c13eab1beaa12d92a9f536b747c7ae"
URL = "http://127.0.0.1:3000/image.gvmi"
PLATFORM = "erc20-local-tglm"
PAID = MarketDecoration(
    properties=[Decoration(key="golem.com.payment.chosen-platform", value=PLATFORM)],
    constraints=[f"(golem.com.payment.platform.{PLATFORM}.address=*)"],
)
NEEDS = {"min_mem_gib": 2.0, "min_storage_gib": 10.0, "min_cpu_threads": 4}
MACHINE = {"threads": 4, "memory_gib": 2.0, "storage_gib": 10.0}


def demand(subnet="demo-1", **needs):
    package = Package(image_hash=HASH, image_url=URL, **needs)
    return compose(package, subnet, EXPIRES, PAID, "my laptop")


def seller(subnet="demo-1", platform=PLATFORM, capabilities=(), **machine):
    return Seller(
        node_name="ann",
        subnet=subnet,
        machine=Machine(architecture="x86_64", cores=2, **{**MACHINE, **machine}),
        isolation="container",
        addresses={platform: "0xann"},
        capabilities=capabilities,
    )


def test_the_properties_are_those_of_the_standards():
    assert demand().properties == {
        "golem.node.id.name": "my laptop",
        "golem.node.debug.subnet": "demo-1",
        "golem.srv.comp.expiration": 1767226200000,
        "golem.srv.comp.task_package": f"hash:sha3:{HASH}:{URL}",
        "golem.srv.comp.vm.package_format": "gvmkit-squash",
        "golem.srv.caps.multi-activity": True,
        "golem.com.scheme.payu.debit-note.interval-sec?": 60,
        "golem.com.payment.debit-notes.accept-timeout?": 120,
        "golem.com.payment.chosen-platform": PLATFORM,
    }


def test_without_a_subnet_the_demand_is_for_all_of_the_market():
    text = demand(subnet=None)
    assert "golem.node.debug.subnet" not in text.properties
    assert "subnet" not in text.constraints


async def test_an_image_is_named_by_hash_and_address():
    package = Package(image_hash=HASH, image_url=URL)
    assert await package.resolve_url() == demand().properties["golem.srv.comp.task_package"]


@pytest.mark.parametrize(
    ("differs", "refusal"),
    [
        ({}, None),
        ({"threads": 3}, "golem.inf.cpu.threads>=4"),
        ({"memory_gib": 1.9}, "golem.inf.mem.gib>=2"),
        ({"storage_gib": 9.9}, "golem.inf.storage.gib>=10"),
        ({"subnet": "public"}, "golem.node.debug.subnet=demo-1"),
        ({"platform": "erc20-holesky-tglm"}, f"golem.com.payment.platform.{PLATFORM}.address=*"),
    ],
)
def test_an_agents_offer_matches_if_its_machine_has_what_is_needed(differs, refusal):
    wanted, selling = demand(**NEEDS), seller(**differs)
    offered = offer_properties(selling, Preset("vm"))
    found = match(wanted.properties, wanted.constraints, offered, offer_constraints(selling.subnet, NOW))

    assert found.matched is (refusal is None)
    assert refusal is None or any(refusal in each for each in found.refused_by_demand)


def test_an_agent_agrees_to_the_demand():
    offered = offer_properties(seller(), Preset("vm", start=Decimal(1)))
    assert isinstance(answer(demand().properties, offered, NOW), Counter)


@pytest.mark.parametrize(
    ("capabilities", "matches"), [((), False), (("vpn",), True), (("inet", "vpn"), True)]
)
def test_a_private_network_is_for_those_who_have_the_capability(capabilities, matches):
    wanted, selling = demand(capabilities=["vpn"]), seller(capabilities=capabilities)
    offered = offer_properties(selling, Preset("vm"))
    found = match(wanted.properties, wanted.constraints, offered, offer_constraints(selling.subnet, NOW))
    assert found.matched is matches

"""Property models, demands and payloads of the published API."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from yapapi.payload import Payload
from yapapi.payload.manifest import Manifest
from yapapi.payload.package import PackageException
from yapapi.payload.vm import VmPackageFormat, manifest, repo
from yapapi.props import Activity, NodeInfo, com, inf
from yapapi.props.base import (
    ConstraintException,
    InvalidPropertiesError,
    Model,
    constraint,
    constraint_model_serialize,
    join_str_constraints,
    prop,
)
from yapapi.props.builder import DemandBuilder

HASH = "ab" * 28
OFFER = {
    "golem.com.scheme": "payu",
    "golem.com.pricing.model": "linear",
    "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.custom"],
    "golem.com.pricing.model.linear.coeffs": [0.5, 2.0, 1.0],
}


@dataclass
class Machine(Model):
    size: int = prop("a.size")
    at: datetime | None = prop("a.at", default=None)
    min_memory: float = constraint("b.memory", ">=", 1.5)
    capabilities: list[str] = constraint("b.capability", default_factory=lambda: ["vpn", "inet"])


def test_a_model_is_read_from_properties_and_ignores_others():
    machine = Machine.from_properties({"a.size": 3, "a.at": 1000, "z": 1})
    assert (machine.size, machine.at) == (3, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("properties", [{}, {"a.size": 1, "a.at": "yesterday"}])
def test_properties_that_do_not_fit_are_an_error(properties):
    with pytest.raises(InvalidPropertiesError):
        Machine.from_properties(properties)


def test_constraints_of_a_model():
    assert constraint_model_serialize(Machine(size=1)) == [
        "(b.memory>=1.5)",
        "(&(b.capability=vpn)\n\t(b.capability=inet))",
    ]
    assert constraint_model_serialize(Machine(size=1, capabilities=[]))[1] == ""


@pytest.mark.parametrize(
    ("given", "operator", "joined"),
    [
        ([], "&", "(&)"),
        (["(a=1)", ""], "&", "(a=1)"),
        (["(a=1)", "(b=2)"], "|", "(|(a=1)\n\t(b=2))"),
        (["(a=1)"], "!", "(!(a=1))"),
    ],
)
def test_constraints_are_joined(given, operator, joined):
    assert join_str_constraints(given, operator) == joined


def test_a_negation_is_of_one_constraint():
    with pytest.raises(ConstraintException):
        join_str_constraints(["(a=1)", "(b=2)"], "!")


def test_a_demand_has_plain_values():
    demand = DemandBuilder()
    demand.add(NodeInfo(subnet_tag="here"))
    demand.add(Activity(expiration=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)))
    demand.add(inf.VmRequest(package_url="url", package_format=VmPackageFormat.GVMKIT_SQUASH))
    demand.ensure("(a=1)")
    assert demand.properties == {
        "golem.node.debug.subnet": "here",
        "golem.srv.comp.expiration": 2000,
        "golem.srv.comp.task_package": "url",
        "golem.srv.comp.vm.package_format": "gvmkit-squash",
    }
    assert demand.constraints == "(a=1)"


def test_prices_of_any_counters():
    price = com.ComLinear.from_properties(OFFER)
    assert price.fixed_price == 1.0
    assert price.price_for == {"golem.usage.duration_sec": 0.5, "golem.usage.custom": 2.0}
    assert price.calculate_cost([4.0, 10.0]) == 23.0
    assert price.usage_as_dict([4.0, 10.0]) == {"golem.usage.duration_sec": 4.0, "golem.usage.custom": 10.0}


@pytest.mark.parametrize("changed", [{"golem.com.scheme": "free"}, {"golem.com.usage.vector": ["one"]}])
def test_prices_that_nobody_can_calculate_with(changed):
    with pytest.raises(InvalidPropertiesError):
        com.ComLinear.from_properties({**OFFER, **changed})


async def test_an_image_with_its_url_needs_no_registry():
    package = await repo(image_hash=HASH, image_url="http://here/i", min_cpu_threads=2, capabilities=["vpn"])
    demand = DemandBuilder()
    await demand.decorate(package)
    assert demand.properties["golem.srv.comp.task_package"] == f"hash:sha3:{HASH}:http://here/i"
    for condition in ("(golem.inf.cpu.threads>=2)", "(golem.runtime.capabilities=vpn)"):
        assert condition in demand.constraints


@pytest.mark.parametrize("named", [{}, {"image_hash": HASH, "image_tag": "a/b:c"}, {"image_url": "http://x"}])
async def test_an_image_is_named_in_one_way(named):
    with pytest.raises(PackageException):
        await repo(**named)


async def test_a_manifest_travels_in_base64():
    package = await manifest(manifest=b"{}", manifest_sig="c2ln", manifest_sig_algorithm="sha256")
    demand = DemandBuilder()
    await demand.decorate(package)
    assert demand.properties["golem.srv.comp.payload"] == "e30="
    assert demand.properties["golem.srv.comp.payload.sig"] == "c2ln"


async def test_a_payload_of_a_script_s_own():
    @dataclass
    class Custom(Payload):
        kind: str = prop("a.kind")
        runtime: str = constraint(inf.INF_RUNTIME_NAME, default="my-runtime")

    demand = DemandBuilder()
    await demand.decorate(Custom(kind="x"))
    assert (demand.properties, demand.constraints) == ({"a.kind": "x"}, "(golem.runtime.name=my-runtime)")


def test_a_manifest_is_the_same_after_a_journey():
    document = {
        "version": "0.1.0",
        "createdAt": "2026-01-01T00:00:00+00:00",
        "expiresAt": "2027-01-01T00:00:00+00:00",
        "payload": [{"hash": "sha3:ab", "urls": ["http://x"], "platform": {"arch": "x86_64", "os": "linux"}}],
        "compManifest": {
            "version": "0.1.0",
            "script": {"commands": ["run .*"], "match": "regex"},
            "net": {"inet": {"out": {"protocols": ["https"], "urls": ["https://y"]}}},
        },
    }
    read = Manifest.parse_obj(document, by_alias=True)
    assert read.comp_manifest.net.inet.out.urls == ["https://y"]
    assert read.dict(by_alias=True) == document

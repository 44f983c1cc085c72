from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from golemnet.model.matching import match
from golemnet.model.offer import Demand, Offer

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
CHANGES = {
    "properties": {"a": 2},
    "constraints": "(b=1)",
    "created": NOW - timedelta(microseconds=1),
    "expires": NOW + timedelta(days=2),
}


@pytest.mark.parametrize(("kind", "node_field"), [(Offer, "provider_id"), (Demand, "requestor_id")])
def test_the_id_belongs_to_the_content(kind, node_field):
    value = kind.create("0x" + "1" * 40, {"a": 1}, "()", NOW, NOW + timedelta(hours=1))
    copied = msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)
    assert copied == value
    assert copied.verify_id()
    for field, other in {**CHANGES, node_field: "0x" + "2" * 40}.items():
        assert not msgspec.structs.replace(value, **{field: other}).verify_id(), field


def test_an_id_of_another_form_is_refused():
    offer = Offer.create("0x" + "1" * 40, {}, "()", NOW, NOW)
    for text in ("", "x", offer.offer_id + "0", offer.offer_id.upper(), "0" * 97):
        assert not msgspec.structs.replace(offer, offer_id=text).verify_id()


def test_both_sides_have_to_agree():
    demand, offer = {"subnet": "a", "until": 9}, {"subnet": "a", "mem": 4}
    assert match(demand, "(mem>=1)", offer, "(until>5)").matched
    refused = match(demand, "(&(mem>=8)(subnet=a))", offer, "(&(until>10)(missing=1))")
    assert not refused.matched
    assert refused.refused_by_demand == ["(mem>=8)"]
    assert refused.refused_by_offer == ["(until>10)", "(missing=1)"]
    assert not match(demand, "(missing=1)", offer, "()").matched

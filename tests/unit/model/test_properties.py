from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.properties import MAX_DEPTH, expand, flatten

NESTED = {
    "golem": {
        "com": {"pricing": {"model": {"@tag": "linear", "linear": {"coeffs": [0.1, 0.0]}}}},
        "inf.mem.gib": 1.5,
    }
}
FLAT = {
    "golem.com.pricing.model": "linear",
    "golem.com.pricing.model.linear.coeffs": [0.1, 0.0],
    "golem.inf.mem.gib": 1.5,
}


def test_nested_flat_and_mixed_mean_the_same():
    assert flatten(NESTED) == FLAT
    assert flatten(FLAT) == FLAT
    assert flatten(expand(FLAT)) == FLAT
    assert expand(dict(reversed(FLAT.items())))["golem"]["com"] == NESTED["golem"]["com"]


def test_what_has_no_value_is_left_out():
    assert flatten({"a": None, "b": [{"c": 1}], "d": [None], "e": {}, "f": False}) == {"f": False}


@pytest.mark.parametrize(
    "properties",
    [
        {"a": float("nan")},
        {"a": 2**70},
        {"a": "x" * 70_000},
        {str(number): 1 for number in range(1001)},
        {1: 2},
    ],
    ids=["nan", "large number", "large", "many", "name"],
)
def test_out_of_bounds_is_refused(properties):
    with pytest.raises(ValueError):
        flatten(properties)


def test_depth_is_bounded():
    nested: dict = {"leaf": 1}
    for _ in range(MAX_DEPTH - 1):
        nested = {"x": nested}
    assert len(flatten(nested)) == 1
    with pytest.raises(ValueError):
        flatten({"x": nested})


_NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)
_SCALARS = st.one_of(st.text(max_size=3), st.booleans(), st.integers(-5, 5), st.floats(0, 1))


@given(st.dictionaries(_NAMES, st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3))))
def test_flat_properties_survive_the_nested_form(flat):
    assert flatten(expand(flat)) == flat

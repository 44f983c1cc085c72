from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.model.constraints import MAX_DEPTH, ConstraintSyntaxError, parse

PROPERTIES = {
    "mem": 4.0,
    "threads": 2,
    "name": "vm",
    "free": True,
    "caps": ["vpn", "inet"],
    "numbers": [1, 2],
    "version": "1.10.0",
    "when": "2026-01-02T03:04:05Z",
    "price": "0.10",
    "golem.runtime.version@v": "0.2.3",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("()", True),
        ("(&)", True),
        ("(|)", False),
        ("(!())", False),
        ("(mem=4)", True),
        ("(mem>=4.0)", True),
        ("(mem>4)", False),
        ("(mem<1e3)", True),
        ("(threads=2.0)", True),
        ("(threads<=1)", False),
        ("(mem=much)", False),
        ("(mem=1_0)", False),
        ("(mem=nan)", False),
        ("(name=vm)", True),
        ("(name=v*)", True),
        ("(name=*m)", True),
        ("(name=v*v*m)", False),
        ("(name=wasm)", False),
        ("(name>va)", True),
        ("(free=true)", True),
        ("(free=false)", False),
        ("(free=1)", False),
        ("(free>false)", False),
        ("(caps=vpn)", True),
        ("(caps=gpu)", False),
        ("(caps=[inet,vpn])", True),
        ("(caps=[vpn])", False),
        ("(caps=[vpn,gpu])", False),
        ("(caps>vpn)", False),
        ("(numbers=2)", True),
        ("(mem=*)", True),
        ("(missing=*)", False),
        ("(missing=1)", None),
        ("(!(missing=1))", None),
        ("(!(missing=*))", True),
        ("(&(mem=4)(missing=1))", None),
        ("(&(mem=5)(missing=1))", False),
        ("(|(mem=4)(missing=1))", True),
        ("(|(mem=5)(missing=1))", None),
        ("(|(mem=5)(name=x))", False),
        ("(version$v>1.9.0)", True),
        ("(version>1.9.0)", False),
        ("(version$v=1.10.0-rc1)", False),
        ("(version$v>1.10.0-rc1)", True),
        ("(version$v=soon)", False),
        ("(name$v=1.0.0)", None),
        ("(when$t=2026-01-02T04:04:05+01:00)", True),
        ("(when$t<2026-01-01T00:00:00Z)", False),
        ("(price$d=0.1)", True),
        ("(price=0.1)", False),
        ("(name$d=1)", None),
        ("(mem[unit]=4)", None),
        ("(golem.runtime.version@v=0.2.3)", True),
        ("(golem.runtime.version@v$v>0.2)", True),
        ("( & (mem=4)\n\t( | (name=vm) (name=x) )\n)", True),
    ],
)
def test_values(text, value):
    assert parse(text).holds(PROPERTIES) is value
    assert parse(text).evaluate(PROPERTIES).value is value
    assert str(parse(str(parse(text)))) == str(parse(text))


def test_the_refusals_are_the_smallest_parts():
    constraint = parse("(&(mem>=8)(name=vm)(|(caps=gpu)(caps=tpu))(missing=1)(!(free=true)))")
    verdict = constraint.evaluate(PROPERTIES)
    assert verdict.value is False
    assert verdict.refusals == ["(mem>=8)", "(caps=gpu)", "(caps=tpu)", "(missing=1)", "(!(free=true))"]
    assert parse("(&(mem>=1)(|(caps=gpu)(caps=vpn)))").evaluate(PROPERTIES).refusals == []


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("   ", 3),
        ("mem=1", 0),
        ("(mem=1", 6),
        ("(&(a=1)", 7),
        ("(&(a=1)))", 8),
        ("(mem)", 1),
        ("(=1)", 1),
        ("(&mem=1)", 2),
        ("(!)", 2),
        ("(a=1)(b=2)", 5),
    ],
)
def test_what_cannot_be_read_is_shown(text, position):
    with pytest.raises(ConstraintSyntaxError) as caught:
        parse(text)
    assert caught.value.position == position
    assert "^" in str(caught.value)


def test_depth_and_length_are_bounded():
    parse("(&" * (MAX_DEPTH - 1) + "(a=1)" + ")" * (MAX_DEPTH - 1))
    with pytest.raises(ConstraintSyntaxError):
        parse("(&" * 5000 + ")" * 5000)
    with pytest.raises(ConstraintSyntaxError):
        parse("(a=" + "x" * 100_000 + ")")


@given(st.text(alphabet="()&|!=<>*ab1.$vtd[] \n", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        constraint = parse(text)
    except ConstraintSyntaxError:
        return
    assert constraint.evaluate(PROPERTIES).value in (True, False, None)
    again = parse(str(constraint))
    assert str(again) == str(constraint)
    assert again.holds(PROPERTIES) is constraint.holds(PROPERTIES)


def test_a_wildcard_takes_no_time():
    assert parse("(a=" + "*a" * 200 + "b)").holds({"a": "a" * 5000}) is False


def test_a_constraint_names_the_properties_that_it_asks_about():
    text = "(&(a.b=1)(|(c[d]>2)(!(e$v>=1.0)))(f=*)())"
    assert parse(text).names() == {"a.b", "c[d]", "e", "f"}

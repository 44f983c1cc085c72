"""What an owner decides: prices that add up, a file that is written whole, and errors that say what to do."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golemnet.errors import GolemError
from golemnet.model.pricing import LinearPricing
from golemnet.provider.machine import Limits
from golemnet.provider.presets import Preferences, Preset, checked, load, save, with_unit_prices

HOUR = 3600
WEI = Fraction(1, 10**18)
PRICES = st.decimals(0, 10**27, places=18)
CHEAP, DEAR = Preset("cheap", Decimal("0.001")), Preset("dear", Decimal(100), start=Decimal(1))


@given(PRICES, PRICES, PRICES)
def test_an_hour_costs_what_the_preset_says_but_for_a_rest_in_the_seconds(per_hour, per_cpu_hour, start):
    pricing = checked(Preset("vm", per_hour, per_cpu_hour, start)).pricing()
    assert pricing.usage_vector == ["golem.usage.duration_sec", "golem.usage.cpu_sec"]
    assert pricing.cost([0, 0]) == start
    for counters, price in (([HOUR, 0], per_hour), ([0, HOUR], per_cpu_hour)):
        assert 0 <= Fraction(price) + Fraction(start) - Fraction(pricing.cost(counters)) < HOUR * WEI


def test_the_default_prices_survive_the_offer():
    pricing = Preset("vm").pricing()
    assert LinearPricing.from_properties(pricing.to_properties()).cost([HOUR, HOUR]) == pytest.approx(
        Decimal("0.03"), abs=Decimal("1e-12")
    )


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity", "1e28", "1e-19"])
@pytest.mark.parametrize("name", ["per_hour", "per_cpu_hour", "start"])
def test_a_price_that_is_no_amount_is_refused(name, price):
    with pytest.raises(ValueError):
        checked(Preset("vm", **{name: Decimal(price)}))


def test_other_counters_have_prices_for_a_unit():
    preset = checked(
        with_unit_prices(Preset("vm"), {}, ["golem.usage.gib=0.5", "golem.usage.storage_gib=0.25"])
    )
    pricing = LinearPricing.from_properties(preset.pricing().to_properties())
    assert pricing.usage_vector[2:] == ["golem.usage.gib", "golem.usage.storage_gib"]
    assert pricing.cost([0, 0, 2, 4]) == 2
    assert with_unit_prices(preset, preset.per_unit, ["golem.usage.gib=0"]).per_unit == {
        "golem.usage.storage_gib": Decimal("0.25")
    }


@pytest.mark.parametrize(
    ("text", "refusal"),
    [("golem.usage.gib", "no price"), ("gib=1", "not counted"), ("golem.usage.gib=-1", "negative")],
)
def test_a_price_for_what_is_not_counted_is_refused(text, refusal):
    with pytest.raises(ValueError, match=refusal):
        checked(with_unit_prices(Preset("vm"), {}, [text]))


def test_presets_are_added_replaced_activated_and_removed():
    both = Preferences(presets=[CHEAP], active=["cheap"]).with_preset(DEAR).activated("dear", True)
    assert both.active_presets() == [CHEAP, DEAR]

    dearer = Preset("dear", Decimal(200))
    assert both.with_preset(dearer).active_presets() == [CHEAP, dearer]
    assert both.activated("cheap", False).active_presets() == [DEAR]
    assert both.activated("cheap", True).active == ["dear", "cheap"]
    assert both.without_preset("cheap") == Preferences(presets=[DEAR], active=["dear"])


@pytest.mark.parametrize(
    "ask",
    [
        lambda known: known.preset("x"),
        lambda known: known.without_preset("x"),
        lambda known: known.activated("x", True),
        lambda known: Preferences(active=["x"]).active_presets(),
    ],
)
def test_an_unknown_preset_is_named_with_those_that_exist(ask):
    with pytest.raises(GolemError, match=r"There is no preset 'x'\. Known: vm"):
        ask(Preferences())


def test_without_an_active_preset_there_is_nothing_to_sell():
    with pytest.raises(GolemError, match="ya-provider preset activate"):
        Preferences(active=[]).active_presets()


def test_preferences_survive_and_prices_keep_every_digit(tmp_path):
    path = tmp_path / "new" / "preferences.json"
    assert load(path) == Preferences()
    chosen = Preferences("ann", "lab", Limits(threads=2), [Preset("vm", Decimal("0.000000000000000001"))])
    save(path, chosen)
    assert load(path) == chosen
    assert [each.name for each in path.parent.iterdir()] == ["preferences.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"presets": 1}',
        json.dumps({"presets": [{"name": "vm", "per_hour": "-1"}]}),
        json.dumps({"presets": [{"name": "vm", "per_hour": "much"}]}),
    ],
)
def test_a_file_that_is_damaged_is_named(tmp_path, text):
    path = tmp_path / "preferences.json"
    path.write_text(text)
    with pytest.raises(GolemError, match=f"The preferences in {path} cannot be read"):
        load(path)

"""What the owner of a machine decides: name, subnet, limits, presets with prices. Kept as one JSON file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.model.money import from_wei, parse_amount, to_wei
from golemnet.model.names import CPU_COUNTER, DURATION_COUNTER, MEMORY_COUNTER, STORAGE_COUNTER
from golemnet.model.pricing import LinearPricing
from golemnet.provider.machine import Limits
from golemnet.provider.rules import Rules, parse_hours

DEFAULT_PRESET = "vm"
SECONDS_PER_HOUR = 3600
# The most memory and disk that an activity has used. Time does not bound them: who buys names a limit.
MORE_COUNTERS = (MEMORY_COUNTER, STORAGE_COUNTER)
MOST_AGREEMENTS = 64


class Preset(msgspec.Struct, frozen=True):
    """Prices under a name, in GLM: per hour of an activity, per hour of one processor, per activity.

    ``per_unit`` has a price for a unit of further counters, of those in ``MORE_COUNTERS``.
    """

    name: str
    per_hour: Decimal = Decimal("0.005")
    per_cpu_hour: Decimal = Decimal("0.025")
    start: Decimal = Decimal(0)
    per_unit: dict[str, Decimal] = {}

    def pricing(self) -> LinearPricing:
        """The prices as they stand in an offer: per second."""
        return LinearPricing(
            [DURATION_COUNTER, CPU_COUNTER, *self.per_unit],
            [_per_second(self.per_hour), _per_second(self.per_cpu_hour), *self.per_unit.values()],
            self.start,
        )


class Preferences(msgspec.Struct, frozen=True):
    """All choices of the owner; each has a default that makes sense.

    ``max_agreements`` share what is sold in equal parts; ``patience_minutes`` is how long work that runs may
    go on when the agent is told to end.
    """

    node_name: str = ""
    subnet: str = "public"
    limits: Limits = msgspec.field(default_factory=Limits)
    presets: list[Preset] = msgspec.field(default_factory=lambda: [Preset(DEFAULT_PRESET)])
    active: list[str] = msgspec.field(default_factory=lambda: [DEFAULT_PRESET])
    max_agreements: int = 1
    patience_minutes: float = 0.0
    rules: Rules = msgspec.field(default_factory=Rules)

    def preset(self, name: str) -> Preset:
        """The preset ``name``. Raises GolemError if there is none."""
        for preset in self.presets:
            if preset.name == name:
                return preset
        known = ", ".join(preset.name for preset in self.presets) or "none"
        raise GolemError(f"There is no preset {name!r}.", why=f"Known: {known}.")

    def active_presets(self) -> list[Preset]:
        """The presets that are offered. Raises GolemError if there are none."""
        if not self.active:
            raise GolemError(
                "No preset is active, so there is nothing to sell.",
                next_step="Run `ya-provider preset activate NAME`.",
            )
        return [self.preset(name) for name in self.active]

    def with_preset(self, preset: Preset) -> Preferences:
        """With ``preset`` added, or in the place of the one with its name."""
        others = [known for known in self.presets if known.name != preset.name]
        return msgspec.structs.replace(self, presets=[*others, preset])

    def without_preset(self, name: str) -> Preferences:
        """Without the preset ``name``. Raises GolemError if there is none."""
        gone = self.preset(name)
        return msgspec.structs.replace(
            self,
            presets=[preset for preset in self.presets if preset is not gone],
            active=[each for each in self.active if each != name],
        )

    def activated(self, name: str, active: bool) -> Preferences:
        """With the preset ``name`` offered or not. Raises GolemError if there is none."""
        self.preset(name)
        others = [each for each in self.active if each != name]
        return msgspec.structs.replace(self, active=[*others, name] if active else others)


def load(path: Path) -> Preferences:
    """The preferences in the file, or the defaults if there is none.

    Raises:
        GolemError: the file is not what we wrote.
    """
    if not path.exists():
        return Preferences()
    try:
        preferences = msgspec.json.decode(path.read_bytes(), type=Preferences)
        for preset in preferences.presets:
            checked(preset)
        if preferences.rules.hours:
            parse_hours(preferences.rules.hours)
        if not 1 <= preferences.max_agreements <= MOST_AGREEMENTS:
            raise ValueError(f"max_agreements is not between 1 and {MOST_AGREEMENTS}")
    except (msgspec.DecodeError, ValueError) as error:
        raise GolemError(
            f"The preferences in {path} cannot be read.", why=str(error), next_step="Mend or remove the file."
        ) from error
    return preferences


def save(path: Path, preferences: Preferences) -> None:
    """Write the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(preferences), indent=2))
    os.replace(fresh, path)


def checked(preset: Preset) -> Preset:
    """``preset``, if its prices are amounts, and for what is counted. Raises ValueError."""
    for price in (preset.per_hour, preset.per_cpu_hour, preset.start, *preset.per_unit.values()):
        parse_amount(price)
    for name in preset.per_unit:
        if name not in MORE_COUNTERS:
            raise ValueError(f"{name} is not counted; {' and '.join(MORE_COUNTERS)} are")
    return preset


def with_unit_prices(preset: Preset, known: Mapping[str, Decimal], changes: Sequence[str]) -> Preset:
    """``preset`` with the known prices of units, changed by texts like ``golem.usage.gib=0.001``.

    Raises:
        ValueError: a text is none of these.
    """
    prices = dict(known)
    for change in changes:
        name, _, price = change.partition("=")
        try:
            prices[name] = Decimal(price)
        except InvalidOperation:
            raise ValueError(f"{change!r} is no price, as golem.usage.gib=0.001 is") from None
    return msgspec.structs.replace(preset, per_unit={name: price for name, price in prices.items() if price})


def _per_second(per_hour: Decimal) -> Decimal:
    return from_wei(to_wei(per_hour) // SECONDS_PER_HOUR)

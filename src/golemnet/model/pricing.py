"""The linear price of the Golem standards: so much per unit of each usage counter, and a fixed amount.

In an offer, ``golem.com.usage.vector`` names the counters and ``golem.com.pricing.model.linear.coeffs`` has a
price for each in the same order, then the fixed one. Published clients take only JSON floats there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation, localcontext
from typing import Any, cast

import msgspec

from golemnet.model.money import MAX_AMOUNT, round_down
from golemnet.model.names import LINEAR_COEFFICIENTS, PRICING_MODEL, USAGE_VECTOR
from golemnet.model.properties import Value

LINEAR = "linear"
MAX_COUNTERS = 32
_EXACT = Context(prec=120)


class LinearPricing(msgspec.Struct, frozen=True):
    """Prices in tokens: ``coefficients`` per unit of the counter at the same place, ``fixed`` once."""

    usage_vector: list[str]
    coefficients: list[Decimal]
    fixed: Decimal

    def cost(self, usage: Sequence[float | Decimal]) -> Decimal:
        """What ``usage`` costs, in tokens, cut to 18 places.

        Args:
            usage: a counter for each name of the usage vector, in its order.

        Raises:
            ValueError: another number of counters, or one that is negative or not finite.
        """
        if len(usage) != len(self.coefficients):
            raise ValueError(f"{len(self.coefficients)} counters are priced, {len(usage)} are given")
        with localcontext(_EXACT):
            parts = [price * _decimal(used) for price, used in zip(self.coefficients, usage, strict=True)]
            return round_down(sum(parts, self.fixed))

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> LinearPricing:
        """The prices in the flat properties of an offer.

        Raises:
            ValueError: there are none, or they do not fit together.
        """
        if properties.get(PRICING_MODEL) != LINEAR:
            raise ValueError("the offer has no linear price")
        names, numbers = _list(properties, USAGE_VECTOR), _list(properties, LINEAR_COEFFICIENTS)
        if len(numbers) != len(names) + 1 or len(names) > MAX_COUNTERS:
            raise ValueError(f"{len(names)} counters need {len(names) + 1} prices, not {len(numbers)}")
        *coefficients, fixed = [_decimal(number) for number in numbers]
        return cls([str(name) for name in names], coefficients, fixed)

    def to_properties(self) -> dict[str, Value]:
        """The properties of an offer with these prices."""
        return {
            PRICING_MODEL: LINEAR,
            USAGE_VECTOR: list(self.usage_vector),
            LINEAR_COEFFICIENTS: [float(price) for price in (*self.coefficients, self.fixed)],
        }


def _list(properties: Mapping[str, Any], name: str) -> list[Any]:
    value = properties.get(name)
    if not isinstance(value, list):
        raise ValueError(f"the offer has no list {name}")
    return cast(list[Any], value)


def _decimal(number: Any) -> Decimal:
    """A price or a counter as a decimal; a float is what its shortest text says."""
    if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
        raise ValueError(f"{number!r:.50} is not a number")
    try:
        exact = Decimal(str(number))
    except InvalidOperation as error:
        raise ValueError(f"{number!r:.50} is not a number") from error
    if not exact.is_finite() or not 0 <= exact <= MAX_AMOUNT:
        raise ValueError(f"{number!r:.50} is negative, or too large")
    return exact

"""Whether a demand and an offer fit each other: each side's constraint over the other's properties."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from golemnet.model.constraints import Constraint, parse
from golemnet.model.properties import Value


class Match(msgspec.Struct, frozen=True):
    """The outcome, with the constraints of either side that the other does not meet."""

    matched: bool
    refused_by_demand: list[str]
    refused_by_offer: list[str]


def match(
    demand_properties: Mapping[str, Value],
    demand_constraints: Constraint | str,
    offer_properties: Mapping[str, Value],
    offer_constraints: Constraint | str,
) -> Match:
    """Compare both ways; what cannot be decided is no match.

    Raises:
        ConstraintSyntaxError: a constraint that is given as text cannot be read.
    """
    wanted = _parsed(demand_constraints).evaluate(offer_properties)
    asked = _parsed(offer_constraints).evaluate(demand_properties)
    return Match(wanted.value is True and asked.value is True, wanted.refusals, asked.refusals)


def _parsed(constraint: Constraint | str) -> Constraint:
    return parse(constraint) if isinstance(constraint, str) else constraint

"""Putting a demand together from models, constraints and whoever decorates it."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from golemnet.requestor.demand import DemandText
from golemnet.requestor.published.model_base import (
    Model,
    constraint_model_serialize,
    join_str_constraints,
)

if TYPE_CHECKING:
    from golemnet.requestor.published.offers import Market, Subscription


class DemandBuilder:
    """A demand while it is being written."""

    def __init__(self) -> None:
        self._properties: dict[str, Any] = {}
        self._constraints: list[str] = []

    @property
    def properties(self) -> dict[str, Any]:
        """What is said of us and of the work."""
        return self._properties

    @property
    def constraints(self) -> str:
        """What offers must be like."""
        return join_str_constraints(self._constraints)

    def ensure(self, constraint: str) -> None:
        """One more condition."""
        self._constraints.append(constraint)

    def add(self, m: Model) -> None:
        """The properties of a model; those that are None are left out."""
        values: dict[str, Any] = asdict(m)  # pyright: ignore[reportArgumentType]
        for name, key in vars(m.property_keys()).items():
            if values[name] is not None:
                self._properties[key] = _plain(values[name])

    def add_properties(self, props: dict[str, Any]) -> None:
        """More properties."""
        self._properties.update(props)

    async def decorate(self, *decorators: DemandDecorator) -> None:
        """Let each add what it wants."""
        for decorator in decorators:
            await decorator.decorate_demand(self)

    async def subscribe(self, market: Market) -> Subscription:
        """Put it on the market."""
        return await market.subscribe(self._properties, self.constraints)

    def text(self) -> DemandText:
        """As it is published."""
        return DemandText(dict(self._properties), self.constraints)

    def __repr__(self) -> str:
        return repr({"properties": self._properties, "constraints": self._constraints})


class DemandDecorator(ABC):
    """Something that adds to demands."""

    @abstractmethod
    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Add what it wants."""


class AutodecoratingModel(Model, DemandDecorator):
    """A model that adds its own properties and constraints."""

    async def decorate_demand(self, demand: DemandBuilder) -> None:
        """Add them."""
        demand.add(self)
        demand.ensure(join_str_constraints(constraint_model_serialize(self)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, enum.Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value

"""Models of properties and constraints: dataclasses whose fields know their names on the market."""

from __future__ import annotations

import enum
import json
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal, TypeVar

Props = Mapping[str, Any]
ConstraintOperator = Literal["=", ">=", "<="]
ConstraintGroupOperator = Literal["&", "|", "!"]
ME = TypeVar("ME", bound="Model")

PROP_KEY = "key"
PROP_OPERATOR = "operator"
PROP_MODEL_FIELD_TYPE = "model_field_type"
CONSTRAINT_VAL_ANY = "*"


class ConstraintException(Exception):
    """Constraints cannot be joined like this."""


class InvalidPropertiesError(Exception):
    """Properties do not fit a model."""

    def __str__(self) -> str:
        return f"Invalid properties: {self.args[0]}" if self.args else "Invalid properties"


class ModelFieldType(enum.Enum):
    """What a field stands for in a demand."""

    constraint = "constraint"
    property = "property"


class _Keys(SimpleNamespace):
    """The market's names, as attributes named like the fields."""

    def names(self) -> typing.KeysView[str]:
        return self.__dict__.keys()


class Model:
    """Base of all of them; the subclasses are dataclasses."""

    def __init__(self, **kwargs: Any) -> None:
        return

    @classmethod
    def property_fields(cls) -> list[Field[Any]]:
        """Those of its fields that are properties: all with a name that are no constraint."""
        return [each for each in _named(cls) if not _is_constraint(each)]

    @classmethod
    def constraint_fields(cls) -> list[Field[Any]]:
        """Those that are constraints."""
        return [each for each in _named(cls) if _is_constraint(each)]

    @classmethod
    def property_keys(cls) -> Any:
        """The names on the market, as attributes named like the fields."""
        return _Keys(**{each.name: each.metadata[PROP_KEY] for each in cls.property_fields()})

    @classmethod
    def from_properties(cls: type[ME], props: Props) -> ME:
        """The model with those properties that it knows.

        Raises:
            InvalidPropertiesError: one is missing, or has a value that it cannot have.
        """
        try:
            types = _types(cls)
            data = {
                each.name: _read(types.get(each.name), props[each.metadata[PROP_KEY]])
                for each in cls.property_fields()
                if each.metadata[PROP_KEY] in props
            }
            cls._custom_mapping(props, data)
            return cls(**data)
        except KeyError as error:
            raise InvalidPropertiesError(f"Missing key: {error}") from error
        except Exception as error:
            raise InvalidPropertiesError(str(error)) from error

    @classmethod
    def _custom_mapping(cls, props: Props, data: dict[str, Any]) -> None:
        """Change or check what was read, before the model is made of it."""


def prop(key: str, default: Any = MISSING) -> Any:
    """A field that is the property ``key``."""
    return field(default=default, metadata={PROP_KEY: key, PROP_MODEL_FIELD_TYPE: ModelFieldType.property})


def constraint(
    key: str, operator: ConstraintOperator = "=", default: Any = MISSING, default_factory: Any = MISSING
) -> Any:
    """A field that is a condition on the other side's property ``key``."""
    metadata = {
        PROP_KEY: key,
        PROP_OPERATOR: operator,
        PROP_MODEL_FIELD_TYPE: ModelFieldType.constraint,
    }
    return field(default=default, default_factory=default_factory, metadata=metadata)


def constraint_to_str(value: Any, f: Field[Any]) -> str:
    """One condition; a list stands for all of its values."""
    if isinstance(value, list):
        return join_str_constraints([constraint_to_str(each, f) for each in value]) if value else ""
    return f"({f.metadata[PROP_KEY]}{f.metadata[PROP_OPERATOR]}{value})"


def constraint_model_serialize(m: Model) -> list[str]:
    """All conditions of a model."""
    return [constraint_to_str(getattr(m, each.name), each) for each in m.constraint_fields()]


def join_str_constraints(constraints: list[str], operator: ConstraintGroupOperator = "&") -> str:
    """Conditions as one; empty ones are left out.

    Raises:
        ConstraintException: ``!`` is for exactly one.
    """
    given = [each for each in constraints if each]
    if operator == "!":
        if len(given) != 1:
            raise ConstraintException("! requires exactly one component.")
        return f"(!{given[0]})"
    if len(given) == 1:
        return given[0]
    return f"({operator}" + "\n\t".join(given) + ")"


def as_list(data: str | list[str]) -> list[str]:
    """A list, or the JSON of one, as a list."""
    if not isinstance(data, str):
        return list(data)
    item = json.loads(data)
    return item if isinstance(item, list) else [str(item)]


def _named(model: type[Any]) -> list[Field[Any]]:
    return [each for each in fields(model) if PROP_KEY in each.metadata]


def _is_constraint(each: Field[Any]) -> bool:
    return each.metadata.get(PROP_MODEL_FIELD_TYPE) is ModelFieldType.constraint


def _types(model: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(model)
    except NameError:  # a type that only the script's own checker knows
        return {}


def _read(type_: Any, value: Any) -> Any:
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return type_(value)
    if datetime in typing.get_args(type_) or type_ is datetime:
        return datetime.fromtimestamp(float(value) / 1000, UTC)
    return value

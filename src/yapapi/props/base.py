"""Models of properties and constraints."""

from golemnet.requestor.published.model_base import (
    CONSTRAINT_VAL_ANY,
    ConstraintException,
    InvalidPropertiesError,
    Model,
    ModelFieldType,
    Props,
    as_list,
    constraint,
    constraint_model_serialize,
    constraint_to_str,
    join_str_constraints,
    prop,
)

__all__ = [
    "CONSTRAINT_VAL_ANY",
    "ConstraintException",
    "InvalidPropertiesError",
    "Model",
    "ModelFieldType",
    "Props",
    "as_list",
    "constraint",
    "constraint_model_serialize",
    "constraint_to_str",
    "join_str_constraints",
    "prop",
]

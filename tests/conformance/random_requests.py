"""Requests made at random from the OpenAPI files: mostly of the right form, now and then with nonsense."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from openapi_contract import Contract, Description, Document

WRONG: Sequence[Any] = (
    None,
    True,
    -1,
    2**63,
    1e308,
    "",
    "\0",
    "é\U0001f4a9 '\"\\%",
    "x" * 2000,
    [],
    [[]],
    {},
    {"": {"": None}},
)
TEXTS = (
    "a",
    "golem.runtime.name",
    "0x" + "1" * 40,
    "127.0.0.1",
    "10.0.0.0/24",
    "null",
    "-0",
    "/public/gftp/a",
)
# What has a meaning of its own, by the name of the property or parameter.
MEANT: Mapping[str, Sequence[Any]] = {
    "constraints": ("()", "(a=b)", "(&(a=1)(!(b=*)))", "(a=b", "(|(a>1)(a<x))", "(golem.runtime.name=vm)"),
    "text": ("[]", '[{"deploy":{}}]', '[{"run":{"entry_point":"x"}}]', '[{"fly":{}}]', "{", '[{"run":1}]'),
    "totalAmount": ("1", "0.1", "-1", "NaN", "1e400", "1e-30", "0x1"),
    "totalAmountAccepted": ("0.1", "0", "-1", "Infinity"),
    "totalAmountDue": ("0.2", "0.1", "99999999999999999999999999999", "-0.1"),
    "amount": ("0.1", "0", "-1", "sNaN"),
    "allocationIds": ("", ",", "unknown"),
    "state": ("Approved", "Ready", "Nothing"),
}
# Longer polls would be answered as well, but not today.
WAITS = ("0", "0.01", "-1", "nan", "1e-400", "x")
TIMES = (
    "2026-01-01T00:00:00Z",
    "2099-01-01T00:00:00+01:00",
    "1970-01-01",
    "0001-01-01T00:00:00+23:59",
    "now",
)


class RandomRequest(NamedTuple):
    """A request to an operation; ``body`` is JSON, or None where the operation has no body."""

    operation: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any


class RandomRequests:
    """The same requests for the same ``seed``. ``known`` are ids that exist, by the names of parameters."""

    def __init__(self, contract: Contract, known: Mapping[str, Sequence[str]], seed: int) -> None:
        self._contract = contract
        self._names = sorted(contract.operations)
        self._meant = {**{name: [*ids, "unknown"] for name, ids in known.items()}, **MEANT}
        self._random = random.Random(seed)

    def make(self) -> RandomRequest:
        """The next one."""
        name = self._random.choice(self._names)
        operation, described = self._contract.operations[name], self._contract.descriptions[name]
        path, query = operation.full_path, {"timeout": self._random.choice(WAITS)}
        for parameter in map(described.resolve, described.parameters):
            value = self._value(described, parameter["schema"], parameter["name"])
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(value) or "-", safe=""))
            elif parameter["name"] != "timeout" and self._happens(0.5):
                query[parameter["name"]] = str(value)
        return RandomRequest(name, operation.method.upper(), path, query, self._body(described))

    def _body(self, described: Description) -> Any:
        content = described.resolve(described.operation.get("requestBody", {})).get("content", {})
        if "application/json" not in content:
            return None
        return self._value(described, content["application/json"]["schema"], "")

    def _value(self, described: Description, schema: Document, name: str) -> Any:
        schema = described.resolve(schema)
        if self._happens(0.08):
            return self._random.choice(WRONG)
        if name in self._meant and self._happens(0.9):
            return self._random.choice(self._meant[name])
        if "allOf" in schema:
            parts = [self._value(described, part, "") for part in schema["allOf"]]
            return {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
        if "oneOf" in schema:
            return self._value(described, self._random.choice(schema["oneOf"]), "")
        return self._typed(described, schema)

    def _typed(self, described: Description, schema: Document) -> Any:
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        match schema.get("type", "object"):
            case "object":
                return self._object(described, schema)
            case "array":
                count = self._random.randrange(3)
                return [self._value(described, schema["items"], "") for _ in range(count)]
            case "integer" | "number":
                return self._random.choice((0, 1, 5, 100, 0.5))
            case "boolean":
                return self._happens(0.5)
            case _ if schema.get("format") == "date-time":
                return self._random.choice(TIMES)
        return self._random.choice(TEXTS)

    def _object(self, described: Description, schema: Document) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self._value(described, part, name)
            for name, part in schema.get("properties", {}).items()
            if self._happens(0.97 if name in required else 0.4)
        }

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

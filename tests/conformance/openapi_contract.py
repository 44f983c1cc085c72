"""The published OpenAPI files, as something to hold the answers of a daemon against."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import requests
import schemathesis
import yaml
from openapi_amendments import amend
from schemathesis import Response
from schemathesis.schemas import APIOperation, BaseSchema

APIS = (
    "market-api",
    "activity-api",
    "payment-api",
    "net-api",
    "net-api-v2",
    "gsb-api",
    "identity-api",
    "version-api",
)
METHODS = ("get", "post", "put", "delete")
# An error may happen to any request; 416 and others have no place here.
ERRORS = {400, 401, 403, 404, 405, 408, 409, 410, 413, 504}


class Answer(NamedTuple):
    """What a daemon has answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content) if self.content else None


class Contract:
    """Every operation of every file, by ``api:operationId``."""

    def __init__(self, specifications: Path, scratch: Path) -> None:
        shutil.copy(specifications / "common.yaml", scratch / "common.yaml")
        self.operations: dict[str, APIOperation] = {}
        self.documented: dict[str, set[int]] = {}
        for api in APIS:
            self._add(api, _prepared(specifications / f"{api}.yaml", api), scratch / f"{api}.json")

    def _add(self, api: str, document: dict[str, Any], copy: Path) -> None:
        copy.write_text(json.dumps(document))
        schema = schemathesis.openapi.from_path(copy)
        for path, method, operation in _operations(document):
            name = f"{api}:{operation['operationId']}"
            self.operations[name] = _operation(schema, path, method)
            self.documented[name] = {int(code) for code in operation["responses"] if code.isdigit()}

    def of_api(self, *apis: str) -> set[str]:
        """The names of the operations of some files."""
        return {name for name in self.operations if name.partition(":")[0] in apis}

    def check(self, name: str, answer: Answer) -> None:
        """Fail unless ``answer`` is one that the operation's file (or the error format) describes."""
        if answer.status in ERRORS:
            check_error(answer)
            return
        assert answer.status in self.documented[name], f"{name} answers {answer.status}: {answer.content!r}"
        self.operations[name].validate_response(_as_response(answer))


def check_error(answer: Answer) -> None:
    """Every error is ``{"message": text}``, and tells nothing of the program behind it."""
    assert answer.headers["Content-Type"].startswith("application/json"), answer
    assert isinstance(answer.json, dict), answer
    message = answer.json["message"]
    assert isinstance(message, str), answer
    assert message, answer
    assert "Traceback" not in message, answer
    assert "sqlite" not in message.lower(), answer


def _prepared(path: Path, api: str) -> dict[str, Any]:
    # JSON has text keys only, which makes a status code of a file one form instead of two.
    document = json.loads(json.dumps(yaml.safe_load(path.read_text())))
    amend(document, api)
    _tell_events_apart(document)
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def _operation(schema: BaseSchema, path: str, method: str) -> APIOperation:
    return schema[path][method.upper()]


def _tell_events_apart(document: dict[str, Any]) -> None:
    """Where a list has a base schema with a discriminator, demand the schema that the value names.

    Validators do not follow discriminators, and would be content with an event without its content.
    """
    schemas = document.get("components", {}).get("schemas", {})
    for response in document.get("components", {}).get("responses", {}).values():
        for content in response.get("content", {}).values():
            items = content["schema"].get("items", {})
            base = items.get("$ref", "").rpartition("/")[2]
            if "discriminator" in json.dumps(schemas.get(base, {})):
                content["schema"]["items"] = {"anyOf": [_named(leaf) for leaf in _leaves(schemas, base)]}


def _named(schema: str) -> dict[str, Any]:
    named = {"type": "object", "properties": {"eventType": {"type": "string", "enum": [schema]}}}
    return {"allOf": [{"$ref": f"#/components/schemas/{schema}"}, named]}


def _leaves(schemas: Mapping[str, Any], base: str) -> list[str]:
    reference = {"$ref": f"#/components/schemas/{base}"}
    below = [name for name, schema in schemas.items() if reference in schema.get("allOf", [])]
    return [leaf for name in below for leaf in _leaves(schemas, name)] if below else [base]


def _as_response(answer: Answer) -> Response:
    headers = {name.lower(): [value] for name, value in answer.headers.items()}
    asked = requests.Request("GET", "http://daemon/").prepare()
    return Response(answer.status, headers, answer.content, asked, elapsed=0.0, verify=False)

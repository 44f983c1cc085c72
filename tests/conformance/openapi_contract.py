"""The published OpenAPI files, as something to hold the answers of a daemon against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import requests
import schemathesis
import yaml
from openapi_amendments import Document, amend
from schemathesis import Response
from schemathesis.schemas import APIOperation

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
# What may happen to any request; a failure of the daemon (500) may not.
ERRORS = {400, 401, 403, 404, 405, 408, 409, 410, 413, 504}


class Answer(NamedTuple):
    """What a daemon has answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content) if self.content else None


class Description(NamedTuple):
    """An operation as its file describes it."""

    document: Document
    operation: Document
    parameters: list[Document]

    @property
    def statuses(self) -> set[int]:
        """The statuses that the file names."""
        return {int(code) for code in self.operation["responses"] if code.isdigit()}

    def resolve(self, described: Document) -> Document:
        """What a reference refers to."""
        while "$ref" in described:
            place: Any = self.document
            for step in described["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            described = place
        return described


class Contract:
    """Every operation of every file, by ``api:operationId``."""

    def __init__(self, specifications: Path) -> None:
        self.operations: dict[str, APIOperation] = {}
        self.descriptions: dict[str, Description] = {}
        for api in APIS:
            self._add(api, _read(specifications, api))

    def _add(self, api: str, document: Document) -> None:
        schema = schemathesis.openapi.from_dict(document)
        for path, method, operation in _operations(document):
            name = f"{api}:{operation['operationId']}"
            self.operations[name] = schema[path][method.upper()]
            parameters = [*document["paths"][path].get("parameters", []), *operation.get("parameters", [])]
            self.descriptions[name] = Description(document, operation, parameters)

    def of_api(self, *apis: str) -> set[str]:
        """The names of the operations of some files."""
        return {name for name in self.operations if name.partition(":")[0] in apis}

    def check(self, name: str, answer: Answer) -> None:
        """Fail unless ``answer`` is one that the operation's file (or the error format) describes."""
        if answer.status >= 400:
            check_error(answer)
            return
        documented = self.descriptions[name].statuses
        assert answer.status in documented, f"{name} answers {answer.status}: {answer.content!r}"
        self.operations[name].validate_response(_as_response(answer))


def check_error(answer: Answer) -> None:
    """Every error is ``{"message": text}``, and tells nothing of the program behind it."""
    assert answer.status in ERRORS, answer
    assert answer.headers["Content-Type"].startswith("application/json"), answer
    assert isinstance(answer.json, dict), answer
    message = answer.json["message"]
    assert isinstance(message, str), answer
    assert message, answer
    assert "Traceback" not in message, answer
    assert "sqlite" not in message.lower(), answer


def _read(specifications: Path, api: str) -> Document:
    """A file with the common one in it."""
    document, common = (_as_json(specifications / f"{name}.yaml") for name in (api, "common"))
    document = json.loads(document.replace('"common.yaml#/', '"#/x-common/'))
    document["x-common"] = json.loads(common.replace('"#/', '"#/x-common/'))
    amend(document, api)
    _tell_events_apart(document)
    return document


def _as_json(path: Path) -> str:
    # JSON has text keys only, which makes a status code of a file one form instead of two.
    return json.dumps(yaml.safe_load(path.read_text()))


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def _tell_events_apart(document: Document) -> None:
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

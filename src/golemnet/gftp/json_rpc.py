"""JSON-RPC 2.0, one object a line, as ``gftp server`` speaks it. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MAX_LINE_BYTES = 1024 * 1024
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMETERS = -32602
FAILED = -32000

Id = str | int | float | None


class RpcError(Exception):
    """An answer that is an error; ``id`` is that of the request if it could be read."""

    def __init__(self, code: int, message: str, id: Id = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Request(NamedTuple):
    """A call; ``id`` is repeated in the answer as it came, number or text."""

    id: Id
    method: str
    parameters: dict[str, Any]


def parse_request(line: bytes) -> Request:
    """Read one line. Raises RpcError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"Not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, "A request is an object.")
    id_, method, parameters = value.get("id"), value.get("method"), value.get("params") or {}
    if not isinstance(id_, (str, int, float, type(None))):
        raise RpcError(INVALID_REQUEST, "The id is a number or a text.")
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "The method is missing.", id_)
    if not isinstance(parameters, dict):
        raise RpcError(INVALID_PARAMETERS, "The parameters are given by name.", id_)
    return Request(id_, method, parameters)


def text_of(request: Request, name: str) -> str:
    """A parameter that is a text. Raises RpcError."""
    value = request.parameters.get(name)
    if not isinstance(value, str) or "\0" in value:
        raise RpcError(INVALID_PARAMETERS, f"{request.method} needs a text {name!r}.", request.id)
    return value


def texts_of(request: Request, name: str) -> list[str]:
    """A parameter that is a list of texts. Raises RpcError."""
    value = request.parameters.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) and "\0" not in each for each in value):
        raise RpcError(INVALID_PARAMETERS, f"{request.method} needs a list of texts {name!r}.", request.id)
    return value


def result_line(id_: Id, result: object) -> bytes:
    """The answer ``result``, with its newline."""
    return _line({"jsonrpc": "2.0", "id": id_, "result": result})


def error_line(error: RpcError) -> bytes:
    """The answer ``error``, with its newline."""
    return _line({"jsonrpc": "2.0", "id": error.id, "error": {"code": error.code, "message": error.message}})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"

"""What every route module does with a request and an answer: bodies, query parameters, bounds."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from golemnet.daemon.identity.store import StoredAppKey
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest, Forbidden
from golemnet.rest.wire import decode, encode, utc

T = TypeVar("T")

DEFAULT_POLL_S = 5.0
LONGEST_POLL_S = 300.0
MAX_EVENTS = 100

IDENTITY = web.RequestKey("identity", NodeId)
KEY_NAME = web.RequestKey("key_name", str)
APP_KEY = web.RequestKey("app_key", StoredAppKey)
IS_OWNER = web.RequestKey("is_owner", bool)


def answer(value: Any = None, *, status: int = 200) -> web.Response:
    """``value`` as JSON; published clients read even a plain text as JSON."""
    return web.Response(body=encode(value), status=status, content_type="application/json")


def no_content() -> web.Response:
    """Done, and nothing to say (204)."""
    return web.Response(status=204)


async def body_of(request: web.Request, type_: type[T]) -> T:
    """The JSON body as ``type_``; a body of another shape is a 400 that names the field."""
    return decode(await request.read(), type_)


def identity_of(request: web.Request) -> NodeId:
    """The node id that the request acts as."""
    return request[IDENTITY]


def owner_only(request: web.Request) -> None:
    """Refuse (403) what only the owner of the daemon may ask, by its unix socket."""
    if not request[IS_OWNER]:
        raise Forbidden(
            "Only the owner of the daemon may do this.",
            next_step="Use the yagna command on the daemon's machine, as the user who runs it.",
        )


def timeout_of(request: web.Request, default: float = DEFAULT_POLL_S) -> float:
    """The query's ``timeout`` in seconds, bounded."""
    seconds = _number(request, "timeout", default)
    return min(max(seconds, 0.0), LONGEST_POLL_S)


def after_of(request: web.Request, name: str = "afterTimestamp") -> datetime | None:
    """The query's time, aware; None if it is not given. A ``+`` that became a blank is understood."""
    text = request.query.get(name)
    if not text:
        return None
    try:
        return utc(datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text))
    except ValueError as error:
        raise BadRequest(f"{name} is not a time: {text[:50]!r}.") from error


def limit_of(request: web.Request, name: str = "maxEvents", default: int = 20) -> int:
    """The query's bound on the number of items: 1 to 100."""
    number = _number(request, name, default)
    if not 1 <= number <= MAX_EVENTS:
        raise BadRequest(f"{name} must be 1 to {MAX_EVENTS}.")
    return int(number)


def integer_of(request: web.Request, name: str) -> int | None:
    """The query's number; None if it is not given."""
    return int(_number(request, name, 0)) if request.query.get(name) else None


def _number(request: web.Request, name: str, default: float) -> float:
    text = request.query.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError as error:
        raise BadRequest(f"{name} is not a number: {text[:50]!r}.") from error
    if not math.isfinite(number):
        raise BadRequest(f"{name} must be finite.")
    return number

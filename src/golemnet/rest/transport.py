"""One HTTP call to a daemon: JSON both ways, errors as exceptions, a deadline on everything."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from golemnet.errors import GolemError
from golemnet.model.local_shell import restart_hint, start_hint
from golemnet.rest.errors import GatewayTimeout, from_status
from golemnet.rest.silence import Silence
from golemnet.rest.wire import ErrorMessage, decode, encode

T = TypeVar("T")
Query = Mapping[str, "str | float | int | bool | datetime | list[str] | None"]

DEFAULT_TIMEOUT_S = 30.0
POLL_MARGIN_S = 10.0
GIVEN_UP_S = 1.0


class DaemonUnreachable(GolemError):
    """No daemon answers at the address; the call may be repeated later."""


class DaemonHangs(DaemonUnreachable):
    """It takes connections and answers nothing. What it was asked, it may still do when it goes on."""


class Transport:
    """Calls on one daemon over kept-alive connections."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str, hint: str) -> None:
        self.session = session
        self.api_url = api_url.rstrip("/")
        self._hint = hint
        self.silence = Silence()

    async def get(
        self, path: str, type_: type[T], query: Query | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> T:
        """``GET path`` as a ``type_``."""
        return decode(await self.call("GET", path, query=query, timeout_s=timeout_s), type_)

    async def post(
        self,
        path: str,
        type_: type[T],
        body: Any = msgspec.UNSET,
        query: Query | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> T:
        """``POST path`` with ``body``, the answer as a ``type_``."""
        return decode(await self.call("POST", path, body, query=query, timeout_s=timeout_s), type_)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = msgspec.UNSET,
        query: Query | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> bytes:
        """The body of a successful answer.

        Raises:
            ApiError: the daemon answered another status.
            GatewayTimeout: no answer within ``timeout_s``, although it has answered others.
            DaemonHangs: no answer to anything meanwhile.
            DaemonUnreachable: no connection, or it broke.
        """
        began = time.monotonic()
        timeout_s = min(timeout_s, GIVEN_UP_S) if self.silence.is_given_up else timeout_s
        try:
            async with self.session.request(
                method,
                self.api_url + path,
                data=None if body is msgspec.UNSET else encode(body),
                headers=None if body is msgspec.UNSET else {"Content-Type": "application/json"},
                params=query_of(query),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                self.silence.ends()
                return await checked(answer)
        except TimeoutError as error:
            raise self._timed_out(f"{method} {path}", timeout_s, began) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            raise self.unreachable(error) from error

    def _timed_out(self, asked: str, timeout_s: float, began: float) -> GolemError:
        since = self.silence.since(began)
        if time.monotonic() - since < min(POLL_MARGIN_S, timeout_s / 2):
            return GatewayTimeout(f"The daemon did not answer {asked} in {timeout_s:g} s.")
        found = DaemonHangs(
            f"The daemon at {self._hint} does not answer.",
            why=f"It takes connections, but has not answered {asked} in {timeout_s:g} s",
            next_step=restart_hint(os.environ),
        )
        self.silence.begins(found, since)
        return found

    def unreachable(self, error: BaseException) -> DaemonUnreachable:
        """The error for a connection that failed."""
        found = DaemonUnreachable(
            f"No daemon answers at {self._hint}.", why=str(error), next_step=start_hint(os.environ)
        )
        self.silence.begins(found)
        return found


async def checked(answer: aiohttp.ClientResponse) -> bytes:
    """The body of ``answer``; raises the ApiError for its status unless it is a success."""
    data = await answer.read()
    if answer.status < 400:
        return data
    raise from_status(answer.status, _message(data))


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")


def query_of(query: Query | None) -> dict[str, str]:
    """Query parameters as text; those that are None are left out."""
    return {name: _text(value) for name, value in (query or {}).items() if value is not None}


def _text(value: str | float | bool | datetime | list[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return ",".join(value)
    return str(value)


def _message(data: bytes) -> str:
    try:
        return decode(data, ErrorMessage).message or ""
    except msgspec.DecodeError:
        return data[:500].decode("utf-8", "replace")

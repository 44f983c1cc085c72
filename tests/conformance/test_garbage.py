"""Requests that make no sense: each is refused with a message, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import aiohttp
import pytest
from api_door import PARAMETER
from lived_in import REFUSED, LivedIn, Writes
from openapi_contract import Answer, Contract, check_error
from yarl import URL

from golemnet.testing.nodes import APP_KEY
from golemnet.testing.processes import DaemonProcess

TRIES = 3
SHOWN = 20
LIMIT = aiohttp.ClientTimeout(total=20)
HEADERS = {"Authorization": f"Bearer {APP_KEY}", "Content-Type": "application/json"}
BODIES = {
    "empty": b"",
    "cut off": b"{",
    "null": b"null",
    "number": b"1e999",
    "list": b"[{}]",
    "bytes": b"\xff\xfe\x00",
    "lone surrogate": b'{"properties":{"a":"\\ud800"},"constraints":"\\ud800","text":"\\ud800"}',
    "deep list": b"[" * 100_000,
    "deep map": b'{"properties":' * 20_000,
    "deep and valid": b'{"properties":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
    "deep enough for the stack": b'{"properties":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_001,
    "deep constraint": b'{"properties":{},"constraints":"' + b"(!" * 50_000 + b'"}',
    "wrong types": b'{"properties":1,"constraints":[],"text":{},"listen":3,"state":7,"totalAmount":{}}',
    "NUL": b'{"agreementId":"\\u0000","activityId":"\\u0000","proposalId":"\\u0000","text":"\\u0000"}',
    "too large": b'"' + b"x" * 5_000_000 + b'"',
}
QUERIES = (
    "maxEvents=0",
    "maxEvents=1e300",
    "maxEvents=x",
    "maxItems=1e300",
    "commandIndex=1e300",
    "commandIndex=-1",
    "afterTimestamp=0001-01-01T00:00:00%2B23:59",
    "afterTimestamp=9999-12-31T23:59:59-23:59",
    "afterTimestamp=yesterday",
    "afterDate=0001-01-01T00:00:00%2B23:59",
    "beforeDate=9999-12-31T23:59:59-23:59",
    "state=Nothing",
    "appSessionId=%00",
    "peerId=0x",
    "allocationIds=,%00,",
    "%FF=%FF",
)
PLACES = ("%00", "%FF", "..%2F..", "%F0%9F%92%A9", "x" * 1_000, "%22%22", "'%20OR%201=1;--", "-1")


class Request(NamedTuple):
    """One request, as it goes over the wire."""

    method: str
    path: str
    body: bytes | None = None


@pytest.mark.chain
def test_garbage_is_refused_and_changes_nothing(lived_in: LivedIn, contract: Contract):
    requests = list(_requests(contract, lived_in.known))
    assert len(requests) > 1500
    for daemon in (lived_in.requestor, lived_in.provider):
        faults = asyncio.run(_send_all(daemon, requests))
        assert not faults, f"{len(faults)} faults, for example:\n" + "\n".join(faults[:SHOWN])
        assert "Traceback" not in daemon.log


def _requests(contract: Contract, known: Mapping[str, Sequence[str]]) -> Iterator[Request]:
    for operation in contract.operations.values():
        method, path = operation.method.upper(), operation.full_path
        sound = PARAMETER.sub(lambda match: known.get(match[1], ["unknown"])[-1], path)
        if method in ("POST", "PUT"):
            yield from (Request(method, f"{sound}?timeout=0.01", body) for body in BODIES.values())
        if method == "GET":
            yield from (Request(method, f"{sound}?timeout=0&{query}") for query in QUERIES)
            yield from (Request(method, f"{sound}?timeout={wrong}") for wrong in ("nan", "inf", "-", "%00"))
        if sound != path:
            for place in PLACES:
                yield Request(method, PARAMETER.sub(place, path) + "?timeout=0", b"{}")


async def _send_all(daemon: DaemonProcess, requests: Sequence[Request]) -> list[str]:
    writes, faults = Writes(daemon), list[str]()
    async with aiohttp.ClientSession(headers=HEADERS, timeout=LIMIT) as session:
        for request in requests:
            try:
                await _send(session, daemon, writes, request)
            except (AssertionError, aiohttp.ClientError, TimeoutError) as error:
                faults.append(f"{request!r:.300}: {error!r:.500}")
    return faults


async def _send(
    session: aiohttp.ClientSession, daemon: DaemonProcess, writes: Writes, request: Request
) -> None:
    # The daemon writes by itself now and then; it is the request that does it if it does it every time.
    for _ in range(TRIES):
        before = writes.count()
        answer = await _answer(session, daemon, request)
        if answer.status < 400:
            return
        check_error(answer)
        if answer.status not in REFUSED or writes.count() == before:
            return
    raise AssertionError(f"it is refused, and yet the daemon writes: {answer}")


async def _answer(session: aiohttp.ClientSession, daemon: DaemonProcess, request: Request) -> Answer:
    url = URL(daemon.api_url + request.path, encoded=True)
    async with session.request(request.method, url, data=request.body) as response:
        return Answer(response.status, dict(response.headers), await response.read())

"""The part of the market API that is about agreements.

``wait`` answers 200 with the word Approved: clients of 2020 need it, and later ones take any success.
The reason of a termination is asked for by GET, and the whole event, as the specification has it, by POST.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from golemnet.daemon.market.service import Market
from golemnet.daemon.market.views import (
    agreement_event_view,
    agreement_line,
    agreement_view,
    proposal_id_of,
)
from golemnet.daemon.routes.codec import after_of, answer, body_of, limit_of, no_content, timeout_of
from golemnet.rest.errors import BadRequest
from golemnet.rest.market import AgreementProposal
from golemnet.rest.wire import decode, utc

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Table = list[tuple[str, str, Handler]]

APPROVAL_TIMEOUT_S = 20.0
APPROVED = "Approved"


def table(market: Market) -> Table:
    """Method, path under the market's prefix and handler of each operation."""
    return [*_reading(market), *_requestor(market), *_provider(market), *_ending(market)]


async def reason_of(request: web.Request) -> dict[str, Any] | None:
    """The reason in a body; an empty body, ``null`` and ``{}`` mean that none is given."""
    data = await request.read()
    reason = decode(data, dict[str, Any] | None) if data.strip() else None  # type: ignore[arg-type]
    if reason and not isinstance(reason.setdefault("message", ""), str):
        raise BadRequest("The message of a reason is a text.")
    return reason or None


def _reading(market: Market) -> Table:
    records = market.records

    async def get(request: web.Request) -> web.Response:
        return answer(agreement_view(await records.get(_agreement(request))))

    async def listed(request: web.Request) -> web.Response:
        found = await records.listed(
            request.query.get("state"),
            after_of(request, "beforeDate"),
            after_of(request, "afterDate"),
            request.query.get("appSessionId"),
        )
        return answer([agreement_line(agreement) for agreement in found])

    async def events(request: web.Request) -> web.Response:
        session = request.query.get("appSessionId")
        found = await records.events(after_of(request), session, timeout_of(request), limit_of(request))
        return answer([agreement_event_view(event) for event in found])

    async def reason(request: web.Request) -> web.Response:
        return answer((await records.termination(_agreement(request))).reason)

    async def termination(request: web.Request) -> web.Response:
        return answer(agreement_event_view(await records.termination(_agreement(request))))

    return [
        ("GET", "/agreements", listed),
        ("GET", "/agreements/{agreement}", get),
        ("GET", "/agreementEvents", events),
        ("GET", "/agreements/{agreement}/terminate/reason", reason),
        ("POST", "/agreements/{agreement}/terminate/reason", termination),
    ]


def _requestor(market: Market) -> Table:
    agreements = market.agreements

    async def create(request: web.Request) -> web.Response:
        body = await body_of(request, AgreementProposal)
        agreement = await agreements.create(proposal_id_of(body.proposal_id), utc(body.valid_to))
        return answer(agreement.agreement_id, status=201)

    async def confirm(request: web.Request) -> web.Response:
        await agreements.confirm(_agreement(request), request.query.get("appSessionId"))
        return no_content()

    async def wait(request: web.Request) -> web.Response:
        await agreements.wait(_agreement(request), timeout_of(request))
        return answer(APPROVED)

    async def cancel(request: web.Request) -> web.Response:
        await agreements.cancel(_agreement(request), await reason_of(request))
        return no_content()

    return [
        ("POST", "/agreements", create),
        ("POST", "/agreements/{agreement}/confirm", confirm),
        ("POST", "/agreements/{agreement}/wait", wait),
        ("POST", "/agreements/{agreement}/cancel", cancel),
    ]


def _provider(market: Market) -> Table:
    agreements = market.agreements

    async def approve(request: web.Request) -> web.Response:
        session = request.query.get("appSessionId")
        await agreements.approve(_agreement(request), session, timeout_of(request, APPROVAL_TIMEOUT_S))
        return no_content()

    async def reject(request: web.Request) -> web.Response:
        await agreements.reject(_agreement(request), await reason_of(request))
        return no_content()

    return [
        ("POST", "/agreements/{agreement}/approve", approve),
        ("POST", "/agreements/{agreement}/reject", reject),
    ]


def _ending(market: Market) -> Table:
    async def terminate(request: web.Request) -> web.Response:
        await market.agreements.terminate(_agreement(request), await reason_of(request))
        return no_content()

    return [("POST", "/agreements/{agreement}/terminate", terminate)]


def _agreement(request: web.Request) -> str:
    return request.match_info["agreement"].strip('"')

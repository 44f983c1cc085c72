"""The market API but for agreements: offers, demands, negotiation and scans.

Requestor and provider use the same operations on ``/demands`` and ``/offers``. Clients of 2020 refuse a
proposal by ``DELETE``; the specification ends a scan by another path and status than clients: both work.
``GET /demands/{id}/matching`` is an extension: it says why a demand matches what it matches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from golemnet.daemon.market.service import Market
from golemnet.daemon.market.store import Kind
from golemnet.daemon.market.views import (
    demand_view,
    offer_view,
    proposal_id_of,
    proposal_name,
    proposal_view,
)
from golemnet.daemon.routes import agreements
from golemnet.daemon.routes.codec import answer, body_of, limit_of, no_content, timeout_of
from golemnet.model.node_id import NodeId
from golemnet.rest.errors import BadRequest
from golemnet.rest.market import PREFIX, DemandOfferBase, NewScan
from golemnet.rest.wire import encode

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Table = list[tuple[str, str, Handler]]

SCAN_EVENTS = 100
KEEP_ALIVE_S = 15.0


def routes(market: Market) -> list[web.RouteDef]:
    """The routes of this resource."""
    table = [
        *_subscription_routes(market, "demands", Kind.DEMAND),
        *_subscription_routes(market, "offers", Kind.OFFER),
        *_negotiation_routes(market, "demands"),
        *_negotiation_routes(market, "offers"),
        *_scan_routes(market),
        *agreements.table(market),
    ]
    return [web.route(method, f"{PREFIX}{path}", handler) for method, path, handler in table]


def _subscription_routes(market: Market, resource: str, kind: Kind) -> Table:
    published = market.publications

    async def subscribe(request: web.Request) -> web.Response:
        body = await body_of(request, DemandOfferBase)
        publish = published.publish_demand if kind is Kind.DEMAND else published.publish_offer
        return answer(await publish(body.properties, body.constraints), status=201)

    async def listed(request: web.Request) -> web.Response:
        if kind is Kind.DEMAND:
            return answer([demand_view(demand) for demand in published.demands])
        return answer([offer_view(offer) for offer in published.offers])

    async def unsubscribe(request: web.Request) -> web.Response:
        await published.withdraw(_subscription(request), kind)
        return no_content()

    async def events(request: web.Request) -> web.Response:
        published.require(_subscription(request))
        return answer(await market.events(_subscription(request), timeout_of(request), limit_of(request)))

    async def matching(request: web.Request) -> web.Response:
        return answer(await market.explain(_subscription(request)))

    table: Table = [
        ("POST", f"/{resource}", subscribe),
        ("GET", f"/{resource}", listed),
        ("DELETE", f"/{resource}/{{subscription}}", unsubscribe),
        ("GET", f"/{resource}/{{subscription}}/events", events),
    ]
    if kind is Kind.DEMAND:
        table.append(("GET", "/demands/{subscription}/matching", matching))
    return table


def _negotiation_routes(market: Market, resource: str) -> Table:
    negotiation = market.negotiation

    async def get(request: web.Request) -> web.Response:
        return answer(proposal_view(await negotiation.get(_subscription(request), _proposal(request))))

    async def counter(request: web.Request) -> web.Response:
        body = await body_of(request, DemandOfferBase)
        proposal = await negotiation.counter(
            _subscription(request), _proposal(request), body.properties, body.constraints
        )
        return answer(proposal_name(proposal.role, proposal.proposal_id), status=201)

    async def reject(request: web.Request) -> web.Response:
        reason = await agreements.reason_of(request)
        await negotiation.reject(_subscription(request), _proposal(request), reason)
        return no_content()

    path = f"/{resource}/{{subscription}}/proposals/{{proposal}}"
    return [
        ("GET", path, get),
        ("POST", path, counter),
        ("POST", f"{path}/reject", reject),
        ("DELETE", path, reject),
    ]


def _scan_routes(market: Market) -> Table:
    async def begin(request: web.Request) -> web.Response:
        body = await body_of(request, NewScan)
        if body.type != "offer":
            raise BadRequest("Only offers can be scanned.", next_step='Ask for {"type": "offer"}.')
        return answer(market.scans.begin(body.constraints, body.timeout), status=201)

    async def collect(request: web.Request) -> web.StreamResponse:
        peer = _peer(request)
        if peer is not None:
            market.spread.compare(peer)
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await _stream_scan(market, request, peer)
        scan_id, limit = request.match_info["scan"], limit_of(request, default=SCAN_EVENTS)
        found = await market.scans.collect(scan_id, timeout_of(request), limit, peer)
        return answer([offer_view(known.offer) for known in found])

    async def end(request: web.Request) -> web.Response:
        market.scans.end(request.match_info["scan"])
        return no_content()

    async def end_scan(request: web.Request) -> web.Response:
        market.scans.end(request.match_info["scan"])
        return answer(status=201)

    return [
        ("POST", "/scan", begin),
        ("GET", "/scan/{scan}/events", collect),
        ("DELETE", "/scan/{scan}", end),
        ("DELETE", "/scan/{scan}/events", end_scan),
    ]


async def _stream_scan(market: Market, request: web.Request, peer: NodeId | None) -> web.StreamResponse:
    """Offers as server-sent events until the program hangs up or ends the scan."""
    scan_id = request.match_info["scan"]
    found = await market.scans.collect(scan_id, 0.0, SCAN_EVENTS, peer)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    while market.scans.is_open(scan_id):
        for known in found:
            await response.write(b"event: offer\ndata: " + encode(offer_view(known.offer)) + b"\n\n")
        if not found:
            await response.write(b":ping\n\n")
        found = await market.scans.collect(scan_id, KEEP_ALIVE_S, SCAN_EVENTS, peer)
    return response


def _subscription(request: web.Request) -> str:
    return request.match_info["subscription"].strip('"')


def _proposal(request: web.Request) -> str:
    return proposal_id_of(request.match_info["proposal"])


def _peer(request: web.Request) -> NodeId | None:
    text = request.query.get("peerId")
    return NodeId.parse(text) if text else None

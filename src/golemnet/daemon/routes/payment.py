"""The payment API: its OpenAPI operations under ``/payment-api/v1``, and extensions for ``yagna payment``.

Extensions: ``GET /status`` (money and totals), ``POST /init``, ``POST /fund`` (the faucet), ``GET /drivers``,
``GET /ledger`` and ``/ledger/findings`` (the books, and how they differ from the chain), ``POST /exit``,
``/vouchers/exit`` and ``/vouchers/redeem``.
Clients of 2020 use the same operations under ``/requestor`` and ``/provider``, and another shape of events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from golemnet.daemon.identity.store import StoredAppKey
from golemnet.daemon.payment import views
from golemnet.daemon.payment.accounts import DriverStatusProperty
from golemnet.daemon.payment.platforms import Platform, parse_platform
from golemnet.daemon.payment.service import Payments
from golemnet.daemon.payment.spending import OWNER, Spender
from golemnet.daemon.payment.store import DEBIT_NOTE, INVOICE, PROVIDER, REQUESTOR, AllocationRecord, Claim
from golemnet.daemon.routes.codec import APP_KEY, after_of, answer, body_of, limit_of, timeout_of
from golemnet.rest.payment import (
    PREFIX,
    Acceptance,
    Allocation,
    AllocationUpdate,
    InitAccount,
    NewAllocation,
    NewDebitNote,
    NewInvoice,
    Payment,
    Rejection,
    Withdrawal,
)

ACK_TIMEOUT_S = 15.0
REQUESTOR_EVENTS = "RECEIVED,CANCELLED"
PROVIDER_EVENTS = "ACCEPTED,REJECTED,FAILED,SETTLED,CANCELLED"

Dated = TypeVar("Dated", Allocation, Payment)
Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(payments: Payments) -> list[web.RouteDef]:
    """The routes of this resource."""
    table = [
        *_account_routes(payments),
        *_exit_routes(payments),
        *_allocation_routes(payments),
        *_issuing_routes(payments),
        *_claim_routes(payments, "debitNotes", DEBIT_NOTE, views.debit_note),
        *_claim_routes(payments, "invoices", INVOICE, views.invoice),
        *_event_routes(payments),
        *_payment_routes(payments),
    ]
    new = [web.route(method, f"{PREFIX}{path}", handler) for method, path, handler in table]
    old = [
        web.route(method, f"{PREFIX}/{side}{path}", handler)
        for side in (REQUESTOR, PROVIDER)
        for method, path, handler in table
        if path != "/invoiceEvents"
    ]
    return [*new, *old, *_old_event_routes(payments)]


Table = list[tuple[str, str, Handler]]


def _account_routes(payments: Payments) -> Table:
    async def get_accounts(request: web.Request) -> web.Response:
        return answer(payments.accounts.all())

    async def get_status(request: web.Request) -> web.Response:
        payments.accounts.check_address(request.query.get("address"))
        return answer([await payments.accounts.status(request.query.get("platform"))])

    async def post_init(request: web.Request) -> web.Response:
        return answer(await payments.init(await body_of(request, InitAccount)))

    async def post_fund(request: web.Request) -> web.Response:
        return answer(await payments.fund(await body_of(request, InitAccount)))

    async def get_ledger(request: web.Request) -> web.Response:
        return answer(await payments.ledger())

    async def get_findings(request: web.Request) -> web.Response:
        return answer(await payments.reconciling.verify())

    async def get_drivers(request: web.Request) -> web.Response:
        return answer(payments.platforms.entries())

    return [
        ("GET", "/requestorAccounts", get_accounts),
        ("GET", "/providerAccounts", get_accounts),
        ("GET", "/status", get_status),
        ("POST", "/init", post_init),
        ("POST", "/fund", post_fund),
        ("GET", "/drivers", get_drivers),
        ("GET", "/ledger", get_ledger),
        ("GET", "/ledger/findings", get_findings),
    ]


def _exit_routes(payments: Payments) -> Table:
    async def post_exit(request: web.Request) -> web.Response:
        spending(request).check_may_withdraw()
        return answer(await payments.exit(await body_of(request, Withdrawal)))

    async def post_voucher_exit(request: web.Request) -> web.Response:
        spending(request).check_may_withdraw()
        return answer(await payments.exit_vouchers())

    async def post_redeem(request: web.Request) -> web.Response:
        return answer(await payments.redeem_vouchers())

    return [
        ("POST", "/exit", post_exit),
        ("POST", "/vouchers/exit", post_voucher_exit),
        ("POST", "/vouchers/redeem", post_redeem),
    ]


def _allocation_routes(payments: Payments) -> Table:
    allocations = payments.allocations

    def view(record: AllocationRecord) -> Allocation:
        contract = "" if record.deposit_id is None else payments.wallet.deposits().address
        return views.allocation(record, contract)

    async def create_allocation(request: web.Request) -> web.Response:
        made = await allocations.create(await body_of(request, NewAllocation), spending(request))
        return answer(view(made), status=201)

    async def get_allocations(request: web.Request) -> web.Response:
        shown = [view(each) for each in await allocations.all()]
        asked = request.query.get("paymentPlatform")
        return answer(_window(request, [each for each in shown if asked in (None, each.payment_platform)]))

    async def get_allocation(request: web.Request) -> web.Response:
        return answer(view(await allocations.get(request.match_info["id"])))

    async def amend_allocation(request: web.Request) -> web.Response:
        change = await body_of(request, AllocationUpdate)
        amended = await allocations.amend(request.match_info["id"], change, spending(request))
        return answer(view(amended))

    async def release_allocation(request: web.Request) -> web.Response:
        await allocations.release(request.match_info["id"], spending(request))
        return answer()

    async def get_demand_decorations(request: web.Request) -> web.Response:
        named = request.query.getall("allocationIds", [])
        ids = [part for each in named for part in each.split(",") if part]
        return answer(await allocations.decorations(ids))

    return [
        ("POST", "/allocations", create_allocation),
        ("GET", "/allocations", get_allocations),
        ("GET", "/allocations/{id}", get_allocation),
        ("PUT", "/allocations/{id}", amend_allocation),
        ("DELETE", "/allocations/{id}", release_allocation),
        ("GET", "/demandDecorations", get_demand_decorations),
    ]


def _issuing_routes(payments: Payments) -> Table:
    async def issue_debit_note(request: web.Request) -> web.Response:
        claim = await payments.issued.issue_debit_note(await body_of(request, NewDebitNote))
        return answer(views.debit_note(claim), status=201)

    async def issue_invoice(request: web.Request) -> web.Response:
        claim = await payments.issued.issue_invoice(await body_of(request, NewInvoice))
        return answer(views.invoice(claim), status=201)

    return [("POST", "/debitNotes", issue_debit_note), ("POST", "/invoices", issue_invoice)]


def _claim_routes(payments: Payments, resource: str, kind: str, view: Callable[[Claim], Any]) -> Table:
    async def get_all(request: web.Request) -> web.Response:
        limit = limit_of(request, "maxItems") if request.query.get("maxItems") else None
        return answer([view(each) for each in await payments.claims(kind, after_of(request), limit)])

    async def get_one(request: web.Request) -> web.Response:
        return answer(view(await payments.claim(kind, request.match_info["id"])))

    async def get_payments(request: web.Request) -> web.Response:
        found = await payments.payments_for(kind, request.match_info["id"])
        return answer(_window(request, [views.payment(*each) for each in found]))

    async def send(request: web.Request) -> web.Response:
        await payments.issued.send(kind, request.match_info["id"], timeout_of(request, ACK_TIMEOUT_S))
        return answer()

    async def cancel(request: web.Request) -> web.Response:
        await payments.issued.cancel(kind, request.match_info["id"], timeout_of(request, ACK_TIMEOUT_S))
        return answer()

    async def accept(request: web.Request) -> web.Response:
        acceptance = await body_of(request, Acceptance)
        await payments.received.accept(kind, request.match_info["id"], acceptance, spending(request))
        return answer()

    async def reject(request: web.Request) -> web.Response:
        await payments.received.reject(kind, request.match_info["id"], await body_of(request, Rejection))
        return answer()

    one = f"/{resource}/{{id}}"
    return [
        ("GET", f"/{resource}", get_all),
        ("GET", one, get_one),
        ("GET", f"{one}/payments", get_payments),
        ("POST", f"{one}/send", send),
        ("POST", f"{one}/cancel", cancel),
        ("POST", f"{one}/accept", accept),
        ("POST", f"{one}/reject", reject),
    ]


def _event_routes(payments: Payments) -> Table:
    async def get_debit_note_events(request: web.Request) -> web.Response:
        events = await _events(payments, request, DEBIT_NOTE, "afterTimestamp", _wanted(request))
        return answer([views.debit_note_event(each) for each in events])

    async def get_invoice_events(request: web.Request) -> web.Response:
        events = await _events(payments, request, INVOICE, "afterTimestamp", _wanted(request))
        return answer([views.invoice_event(each) for each in events])

    return [
        ("GET", "/debitNoteEvents", get_debit_note_events),
        ("GET", "/invoiceEvents", get_invoice_events),
    ]


def _old_event_routes(payments: Payments) -> list[web.RouteDef]:
    def handler(role: str, types: str) -> Handler:
        async def get_old_invoice_events(request: web.Request) -> web.Response:
            wanted = [(role, each) for each in types.split(",")]
            events = await _events(payments, request, INVOICE, "laterThan", wanted)
            return answer([views.old_invoice_event(each) for each in events])

        return get_old_invoice_events

    return [
        web.get(f"{PREFIX}/requestor/invoiceEvents", handler(REQUESTOR, REQUESTOR_EVENTS)),
        web.get(f"{PREFIX}/provider/invoiceEvents", handler(PROVIDER, PROVIDER_EVENTS)),
    ]


def _payment_routes(payments: Payments) -> Table:
    async def get_payments(request: web.Request) -> web.Response:
        name = "maxItems" if request.query.get("maxItems") else "maxEvents"
        found = await payments.payments(after_of(request), limit_of(request, name, 100), timeout_of(request))
        shown = [views.payment(*each) for each in found]
        asked = [each for each in shown if _is_asked_for(request, parse_platform(each.payment_platform))]
        return answer(asked)

    async def get_payment(request: web.Request) -> web.Response:
        return answer(views.payment(*await payments.payment(request.match_info["id"])))

    async def payments_status(request: web.Request) -> web.Response:
        problems = await payments.accounts.problems()
        return answer([each for each in problems if _is_asked_for(request, each)])

    return [
        ("GET", "/payments", get_payments),
        ("GET", "/payments/status", payments_status),
        ("GET", "/payments/{id}", get_payment),
    ]


def spender_of(key: StoredAppKey) -> Spender:
    """Who spends with an application key."""
    return Spender(name=key.name, since=key.created, limit=key.spending_limit)


def spending(request: web.Request) -> Spender:
    """Who spends with a request."""
    key = request.get(APP_KEY)
    return OWNER if key is None else spender_of(key)


async def _events(
    payments: Payments, request: web.Request, kind: str, cursor: str, wanted: list[tuple[str, str]]
) -> Any:
    return await payments.events(
        kind,
        wanted,
        after=after_of(request, cursor),
        limit=limit_of(request),
        app_session_id=request.query.get("appSessionId"),
        timeout_s=timeout_of(request),
    )


def _wanted(request: web.Request) -> list[tuple[str, str]]:
    """The kinds of events that the request's headers choose, for each role."""
    as_requestor = request.headers.get("X-Requestor-Events", REQUESTOR_EVENTS)
    as_provider = request.headers.get("X-Provider-Events", PROVIDER_EVENTS)
    return [
        *((REQUESTOR, each.strip()) for each in as_requestor.split(",")),
        *((PROVIDER, each.strip()) for each in as_provider.split(",")),
    ]


def _is_asked_for(request: web.Request, place: Platform | DriverStatusProperty) -> bool:
    wanted = request.query
    return wanted.get("driver", place.driver) == place.driver and (
        wanted.get("network", place.network) == place.network
    )


def _window(request: web.Request, found: list[Dated]) -> list[Dated]:
    """What of ``found`` the query's ``afterTimestamp`` and ``maxItems`` leave."""
    after = after_of(request)
    later = [each for each in found if after is None or each.timestamp > after]
    return later[: limit_of(request, "maxItems")] if request.query.get("maxItems") else later

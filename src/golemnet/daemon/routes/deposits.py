"""Deposits, an extension of the payment API: tokens that one node sets aside and another one spends."""

from __future__ import annotations

from aiohttp import web

from golemnet.daemon.payment.parsing import parse_deposit_id
from golemnet.daemon.payment.service import Payments
from golemnet.daemon.routes.codec import answer, body_of
from golemnet.daemon.routes.payment import spending
from golemnet.rest.deposits import PREFIX, DepositExtension, NewDeposit


def routes(payments: Payments) -> list[web.RouteDef]:
    """The routes of this resource."""
    funding, views = payments.funding, payments.deposit_views

    async def create_deposit(request: web.Request) -> web.Response:
        spending(request).check_may_withdraw()
        new = await body_of(request, NewDeposit)
        payments.accounts.check_address(new.address)
        payments.platforms.choose(new.payment_platform)
        return answer(await funding.create(new), status=201)

    async def get_deposits(request: web.Request) -> web.Response:
        return answer(await views.all())

    async def get_deposit(request: web.Request) -> web.Response:
        return answer(await views.get(request.match_info["id"]))

    async def extend_deposit(request: web.Request) -> web.Response:
        spending(request).check_may_withdraw()
        change = await body_of(request, DepositExtension)
        return answer(await funding.extend(request.match_info["id"], change))

    async def close_deposit(request: web.Request) -> web.Response:
        deposit = request.match_info["id"]
        await payments.deposits.give_back(parse_deposit_id(deposit))
        return answer(await views.get(deposit))

    async def terminate_deposit(request: web.Request) -> web.Response:
        return answer(await funding.terminate(request.match_info["id"]))

    return [
        web.post(PREFIX, create_deposit),
        web.get(PREFIX, get_deposits),
        web.get(f"{PREFIX}/{{id}}", get_deposit),
        web.post(f"{PREFIX}/{{id}}/extend", extend_deposit),
        web.post(f"{PREFIX}/{{id}}/close", close_deposit),
        web.post(f"{PREFIX}/{{id}}/terminate", terminate_deposit),
    ]

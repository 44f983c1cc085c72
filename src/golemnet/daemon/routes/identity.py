"""``/me``, ``/version/get``, and for the owner: identities and application keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from aiohttp import web

from golemnet.daemon.identity.service import Identities, shown
from golemnet.daemon.identity.store import StoredAppKey
from golemnet.daemon.routes.codec import KEY_NAME, answer, body_of, owner_only
from golemnet.daemon.version import version_response
from golemnet.rest.identity import NewAppKey, SpendingLimit


def routes(
    identities: Identities, committed: Callable[[StoredAppKey], Awaitable[Decimal]]
) -> list[web.RouteDef]:
    """The routes of this resource; ``committed`` says what of its limit a key has used."""

    async def get_identity(request: web.Request) -> web.Response:
        return answer(identities.me(request[KEY_NAME]))

    async def get_version(request: web.Request) -> web.Response:
        return answer(version_response())

    async def list_identities(request: web.Request) -> web.Response:
        owner_only(request)
        return answer(await identities.identities())

    async def create_app_key(request: web.Request) -> web.Response:
        owner_only(request)
        wanted = await body_of(request, NewAppKey)
        return answer(await identities.create_app_key(wanted.name, wanted.spending_limit), status=201)

    async def list_app_keys(request: web.Request) -> web.Response:
        owner_only(request)
        keys = await identities.app_keys()
        return answer([shown(each, await committed(each)) for each in keys])

    async def limit_app_key(request: web.Request) -> web.Response:
        owner_only(request)
        limit = (await body_of(request, SpendingLimit)).spending_limit
        await identities.limit_app_key(request.match_info["name"], limit)
        return answer()

    async def drop_app_key(request: web.Request) -> web.Response:
        owner_only(request)
        await identities.drop_app_key(request.match_info["name"])
        return answer()

    return [
        web.get("/me", get_identity),
        web.get("/version/get", get_version),
        web.get("/identities", list_identities),
        web.post("/app-keys", create_app_key),
        web.get("/app-keys", list_app_keys),
        web.put("/app-keys/{name}/limit", limit_app_key),
        web.delete("/app-keys/{name}", drop_app_key),
    ]

"""A program spends no more than the limit of its application key, whatever it tries."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from golemnet.daemon.identity.store import StoredAppKey
from golemnet.daemon.payment.spending import Spender
from golemnet.daemon.routes import deposits as deposit_routes
from golemnet.daemon.routes.codec import APP_KEY
from golemnet.daemon.routes.payment import routes
from golemnet.rest.errors import BadRequest, Forbidden
from golemnet.rest.payment import Acceptance, AllocationUpdate, NewAllocation

from .test_routes import errors

pytestmark = pytest.mark.chain
BIRTH = datetime(2026, 1, 1, tzinfo=UTC)


def spender(limit, name="script", since=BIRTH):
    return Spender(name=name, since=since, limit=None if limit is None else Decimal(limit))


async def allocate(side, amount, who):
    return await side.payments.allocations.create(NewAllocation(total_amount=Decimal(amount)), who)


async def test_allocations_of_a_key_never_exceed_its_limit(requestor):
    who = spender(5)
    first = await allocate(requestor, 3, who)

    with pytest.raises(BadRequest, match=r"'script' may spend 5 GLM in all: 3 GLM are asked for, 2 are left"):
        await allocate(requestor, 3, who)
    with pytest.raises(BadRequest, match="6 GLM are asked for, 5 are left"):
        await requestor.payments.allocations.amend(first.id, AllocationUpdate(total_amount=Decimal(6)), who)
    await allocate(requestor, 2, who)

    assert await requestor.payments.allocations.committed(who) == 5
    assert [each.total for each in await requestor.payments.allocations.all()] == [3, 2]


async def test_many_allocations_at_once_stay_below_the_limit(requestor):
    made = await asyncio.gather(
        *(allocate(requestor, 1, spender(3)) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(each, BadRequest) for each in made) == 5
    assert await requestor.payments.allocations.committed(spender(3)) == 3


async def test_what_is_released_may_be_reserved_again_and_what_is_spent_may_not(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    who = spender(2)
    allocation = await allocate(requestor, 2, who)
    claim = await provider.invoice("0.5")
    acceptance = Acceptance(total_amount_accepted=claim.amount, allocation_id=allocation.id)
    await requestor.payments.received.accept(claim.kind, claim.id, acceptance, who)
    await requestor.payments.allocations.release(allocation.id, who)

    with pytest.raises(BadRequest, match=r"1\.5 are left"):
        await allocate(requestor, 2, who)
    await allocate(requestor, "1.5", who)


async def test_key_with_a_limit_uses_no_allocation_of_another_key(world, requestor, provider):
    world.agree(requestor.id, provider.id)
    foreign = await requestor.allocate(1)
    claim = await provider.invoice("0.5")
    acceptance = Acceptance(total_amount_accepted=claim.amount, allocation_id=foreign.id)

    for attempt in (
        requestor.payments.received.accept(claim.kind, claim.id, acceptance, spender(5)),
        requestor.payments.allocations.amend(foreign.id, AllocationUpdate(timeout=None), spender(5)),
        requestor.payments.allocations.release(foreign.id, spender(5)),
    ):
        with pytest.raises(Forbidden, match="uses its own allocations only"):
            await attempt
    await requestor.payments.received.accept(claim.kind, claim.id, acceptance, spender(None))


async def test_new_key_of_an_old_name_begins_with_nothing_spent(requestor):
    await allocate(requestor, 5, spender(5))
    reborn = spender(5, since=datetime.now(UTC) + timedelta(milliseconds=1))

    assert await requestor.payments.allocations.committed(reborn) == 0


async def test_limit_holds_over_rest_and_the_key_cannot_withdraw(requestor):
    key = StoredAppKey("script", "0" * 32, requestor.id, BIRTH, Decimal(1))

    @web.middleware
    async def as_key(request, handler):
        request[APP_KEY] = key
        return await handler(request)

    application = web.Application(middlewares=[errors, as_key])
    application.add_routes([*routes(requestor.payments), *deposit_routes.routes(requestor.payments)])
    deposit = {"spender": "0x" + "1" * 40, "amount": "0.5", "validTo": "2099-01-01T00:00:00Z"}
    async with TestClient(TestServer(application)) as client:
        too_much = await client.post("/payment-api/v1/allocations", json={"totalAmount": "1.1"})
        away = await client.post("/payment-api/v1/exit", json={"to": "0x" + "1" * 40, "amount": "0.5"})

        for others in ("", "/0x1/extend"):
            assert (await client.post(f"/payment-api/v1/deposits{others}", json=deposit)).status == 403

        assert (too_much.status, away.status) == (400, 403)
        assert "may spend 1 GLM in all" in (await too_much.json())["message"]

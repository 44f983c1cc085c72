"""The REST surface, as old and new clients use it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from golemnet.daemon.routes.payment import routes
from golemnet.rest.errors import body_of, status_of

NEW = "/payment-api/v1"
OLD = "/payment-api/v1/requestor"


@web.middleware
async def errors(request, handler):
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        return web.Response(status=status_of(error), body=body_of(error), content_type="application/json")


async def client_of(side):
    application = web.Application(middlewares=[errors])
    application.add_routes(routes(side.payments))
    client = TestClient(TestServer(application))
    await client.start_server()
    return client


@pytest.fixture
async def ask(requestor):
    client = await client_of(requestor)

    async def ask(method, path, **more):
        async with client.request(method, path, **more) as response:
            return response.status, await response.json()

    yield ask
    await client.close()


@pytest.fixture
async def without_chain(chainless):
    client = await client_of(chainless)
    yield client
    await client.close()


@pytest.mark.chain
async def test_allocation_of_a_client_of_2020(ask):
    sent = {"allocationId": "", "totalAmount": "10", "spentAmount": "", "remainingAmount": ""}
    timeout = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    status, made = await ask(
        "POST", f"{OLD}/allocations", json={**sent, "timeout": timeout, "makeDeposit": False}
    )

    assert (status, made["totalAmount"], made["spentAmount"]) == (201, "10", "0")
    path = f"{OLD}/allocations/{made['allocationId']}"
    assert (await ask("GET", path))[0] == 200
    assert await ask("DELETE", path) == (200, None)
    assert (await ask("DELETE", path))[0] == 410


@pytest.mark.chain
async def test_decorations_name_the_platform_of_the_allocation(ask, requestor):
    _, made = await ask(
        "POST", f"{NEW}/allocations", json={"totalAmount": 1, "paymentPlatform": "erc20-local-tglm"}
    )

    for query in (f"?allocationIds={made['allocationId']}", f"?allocationIds={made['allocationId']},"):
        status, found = await ask("GET", f"{NEW}/demandDecorations{query}")
        key = "golem.com.payment.platform.erc20-local-tglm.address"
        assert status == 200
        assert found["properties"][0] == {"key": key, "value": requestor.id}
        assert found["constraints"] == [f"({key}=*)", "(golem.com.payment.protocol.version>1)"]


@pytest.mark.chain
async def test_invoice_events_in_both_shapes(ask, world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")

    _, [new] = await ask("GET", f"{NEW}/invoiceEvents?timeout=5")
    assert (new["eventType"], new["invoiceId"]) == ("InvoiceReceivedEvent", invoice.id)
    _, [old] = await ask("GET", f"{OLD}/invoiceEvents?timeout=5&laterThan=2020-01-01T00:00:00+00:00")
    assert (old["eventType"], old["invoiceId"], old["details"]) == ("RECEIVED", invoice.id, None)
    cursor = {"timeout": "0.05", "afterTimestamp": new["eventDate"]}
    assert await ask("GET", f"{NEW}/invoiceEvents", params=cursor) == (200, [])


@pytest.mark.chain
async def test_invoice_is_shown_accepted_and_paid(ask, world, requestor, provider):
    world.agree(requestor.id, provider.id)
    invoice = await provider.invoice("1")
    _, allocation = await ask("POST", f"{NEW}/allocations", json={"totalAmount": "2"})
    body = {"totalAmountAccepted": "1", "allocationId": allocation["allocationId"]}

    assert await ask("POST", f"{NEW}/invoices/{invoice.id}/accept", json=body) == (200, None)
    await requestor.until(invoice, "SETTLED")

    _, shown = await ask("GET", f"{NEW}/invoices/{invoice.id}")
    assert (shown["status"], Decimal(shown["amount"]), shown["activityIds"]) == ("SETTLED", 1, ["activity"])
    _, [payment] = await ask("GET", f"{NEW}/invoices/{invoice.id}/payments")
    assert payment["agreementPayments"][0]["agreementId"] == "agreement"
    assert (await ask("GET", f"{NEW}/payments/{payment['paymentId']}"))[1] == payment
    assert (await ask("GET", f"{NEW}/payments?network=mars"))[1] == []
    assert (await ask("GET", f"{NEW}/payments/status"))[1] == []


@pytest.mark.chain
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/invoices/none", None, 404),
        ("GET", "/debitNotes/none", None, 404),
        ("GET", "/allocations/none", None, 404),
        ("GET", "/payments/none", None, 404),
        ("POST", "/invoices/none/accept", {"totalAmountAccepted": "1", "allocationId": "x"}, 404),
        (
            "POST",
            "/invoices",
            {"agreementId": "none", "amount": "1", "paymentDueDate": "2030-01-01T00:00:00Z"},
            404,
        ),
        ("POST", "/debitNotes", {"activityId": "none", "totalAmountDue": "1"}, 404),
        ("POST", "/allocations", {}, 400),
        ("POST", "/allocations", {"totalAmount": "-1"}, 400),
        ("POST", "/allocations", {"totalAmount": "NaN"}, 400),
        ("POST", "/allocations", {"totalAmount": "1", "paymentPlatform": "erc20-mainnet-glm"}, 400),
        ("POST", "/allocations", {"totalAmount": "1", "timeout": "2020-01-01T00:00:00Z"}, 400),
        ("POST", "/allocations", {"totalAmount": "1000000"}, 400),
        ("GET", "/invoiceEvents?maxEvents=1000", None, 400),
        ("GET", "/status?address=0x00", None, 400),
    ],
)
async def test_nonsense_is_refused_with_a_message(ask, method, path, body, status):
    got, answer = await ask(method, NEW + path, json=body)

    assert got == status
    assert answer["message"]


@pytest.mark.chain
async def test_every_account_is_ready_to_send(ask, requestor):
    _, accounts = await ask("GET", f"{NEW}/requestorAccounts")

    assert "erc20-holesky-tglm" in [each["platform"] for each in accounts]
    assert {each["address"] for each in accounts} == {requestor.id}


async def test_node_without_a_chain_runs_and_says_so(without_chain):
    async with without_chain.get(f"{NEW}/requestorAccounts") as response:
        assert await response.json() == []
    async with without_chain.post(f"{NEW}/allocations", json={"totalAmount": "1"}) as response:
        assert response.status == 400
        assert "GOLEM_CHAIN_FILE" in (await response.json())["message"]
    async with without_chain.get(f"{NEW}/invoiceEvents?timeout=0") as response:
        assert (response.status, await response.json()) == (200, [])
    async with without_chain.get(f"{NEW}/payments/status") as response:
        assert [each["kind"] for each in await response.json()] == ["RpcError"]

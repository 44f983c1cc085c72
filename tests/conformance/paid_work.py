"""One activity of a provider who is paid for it: debit notes and invoices of every fate."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from api_door import Door
from deal import Sides
from willing_unit import WillingUnit

from golemnet.rest.client import Client
from golemnet.rest.payment import InitAccount
from golemnet.testing.nodes import APP_KEY

COMMANDS = [{"deploy": {}}, {"start": {"args": []}}, {"run": {"entry_point": "/bin/true", "args": []}}]
REFUSAL = {"rejectionReason": "BAD_SERVICE", "totalAmountAccepted": "0", "message": "no"}
BEGINNING = "2020-01-01T00:00:00+00:00"


async def allocate(sides: Sides) -> tuple[str, dict[str, str]]:
    requestor = sides.requestor
    [account, *_] = await requestor("payment-api:getRequestorAccounts")
    assert account["send"]
    assert await sides.provider("payment-api:getProviderAccounts")
    async with Client(sides.nodes[0].api_url, APP_KEY) as owner:
        await owner.payment.init(InitAccount())
    timeout = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    body = {"totalAmount": "5", "timeout": timeout, "spentAmount": "", "remainingAmount": ""}
    made = await requestor("payment-api:createAllocation", body=body, expect=201)
    allocation_id = made["allocationId"]
    changed = await requestor("payment-api:amendAllocation", allocation_id, body={"totalAmount": "10"})
    assert changed["remainingAmount"] == "10"
    assert await requestor("payment-api:getAllocation", allocation_id) == changed
    assert await requestor("payment-api:getAllocations") == [changed]
    assert await requestor("payment-api:getAllocations", afterTimestamp=changed["timestamp"]) == []
    decoration = await requestor("payment-api:getDemandDecorations", allocationIds=allocation_id)
    await requestor("payment-api:getDemandDecorations", allocationIds="unknown", expect=404)
    return allocation_id, {each["key"]: each["value"] for each in decoration["properties"]}


async def work(sides: Sides, agreement_id: str) -> str:
    requestor, provider, unit = sides.requestor, sides.provider, WillingUnit()
    agent = asyncio.create_task(_agent(sides, unit))
    made = await requestor("activity-api:createActivity", body={"agreementId": agreement_id})
    activity_id = made["activityId"]
    for door in (requestor, provider):
        assert await door("activity-api:getActivityAgreement", activity_id) == agreement_id
        assert (await door("activity-api:GetActivityState", activity_id))["state"] == ["Initialized", None]
    assert (await requestor.ask("activity-api:callEncrypted", activity_id, data=b"?")).status == 400
    await _batch(sides, unit, activity_id)
    for door in (requestor, provider):
        assert (await door("activity-api:GetActivityUsage", activity_id))["currentUsage"] == [1.0, 0.5]
    await requestor("activity-api:DestroyActivity", activity_id)
    await asyncio.wait_for(agent, 5)
    told: Any = {"state": ["Terminated", None], "reason": "test", "errorMessage": "none"}
    await provider("activity-api:SetActivityState", activity_id, body=told)
    events = await provider(
        "activity-api:CollectActivityEvents", afterTimestamp=BEGINNING, appSessionId="agent"
    )
    other = await provider("activity-api:CollectActivityEvents", timeout=0, maxEvents=1, appSessionId="other")
    assert other == []
    assert [next(iter(each["eventType"])) for each in events] == ["CreateActivity", "DestroyActivity"]
    return activity_id


async def _agent(sides: Sides, unit: WillingUnit) -> None:
    [event] = await sides.provider("activity-api:CollectActivityEvents", timeout=10)
    async with Client(sides.nodes[1].api_url, APP_KEY) as agent:
        await unit.serve(agent, event["activityId"])


async def _batch(sides: Sides, unit: WillingUnit, activity_id: str) -> None:
    requestor = sides.requestor
    batch_id = await requestor("activity-api:exec", activity_id, body={"text": json.dumps(COMMANDS)})
    results = "activity-api:getExecBatchResults"
    assert len(await requestor(results, activity_id, batch_id, timeout=5, commandIndex=1)) == 2
    [running] = await requestor("activity-api:GetRunningCommand", activity_id)
    assert running["batchId"] == batch_id
    unit.let_run.set()
    finished = await requestor(results, activity_id, batch_id, timeout=5)
    assert [each["isBatchFinished"] for each in finished] == [False, False, True]
    await requestor(results, activity_id, "unknown", timeout=0, expect=404)
    await requestor("activity-api:exec", activity_id, body={"text": "{"}, expect=400)


async def claim_by_notes(sides: Sides, activity_id: str, allocation_id: str) -> None:
    requestor, provider = sides.requestor, sides.provider
    withdrawn = await debit_note(sides, activity_id)
    await provider("payment-api:cancelDebitNote", withdrawn, timeout=5)
    refused = await debit_note(sides, activity_id)
    await requestor("payment-api:rejectDebitNote", refused, body=REFUSAL)
    await _told(provider, "DebitNote", refused, "Rejected")
    accepted = await debit_note(sides, activity_id)
    promise = {"totalAmountAccepted": "0.1", "allocationId": allocation_id}
    await requestor("payment-api:acceptDebitNote", accepted, body=promise)
    await provider("payment-api:cancelDebitNote", accepted, timeout=5, expect=409)
    for door in (requestor, provider):
        listed = await door("payment-api:getDebitNotes")
        assert [each["debitNoteId"] for each in listed] == [withdrawn, refused, accepted]
        assert len(await door("payment-api:getDebitNotes", maxItems=1)) == 1
        assert (await door("payment-api:getDebitNote", withdrawn))["status"] == "CANCELLED"
    await _told(provider, "DebitNote", accepted, "Settled")
    assert await _events(provider, "DebitNote") == ["Cancelled", "Rejected", "Accepted", "Settled"]
    assert await _events(requestor, "DebitNote") == ["Received", "Cancelled", "Received", "Received"]
    [paid] = await provider("payment-api:getPaymentsForDebitNote", accepted)
    assert paid["activityPayments"][0]["activityId"] == activity_id


async def debit_note(sides: Sides, activity_id: str) -> str:
    """A debit note that the requestor has; its id."""
    body = {"activityId": activity_id, "totalAmountDue": "0.1", "usageCounterVector": [1.0, 0.5]}
    body["paymentDueDate"] = _in_a_minute()
    note = await sides.provider("payment-api:issueDebitNote", body=body, expect=201)
    await sides.provider("payment-api:sendDebitNote", note["debitNoteId"], timeout=10)
    return note["debitNoteId"]


async def claim_by_invoices(sides: Sides, agreement_id: str, activity_id: str, allocation_id: str) -> None:
    requestor, provider = sides.requestor, sides.provider
    body = {"agreementId": agreement_id, "activityIds": [activity_id], "amount": "0.10015"}
    withdrawn = await invoice(sides, body)
    await provider("payment-api:cancelInvoice", withdrawn, timeout=5)
    refused = await invoice(sides, body)
    await requestor("payment-api:rejectInvoice", refused, body=REFUSAL)
    await _told(provider, "Invoice", refused, "Rejected")
    accepted = await invoice(sides, body)
    promise = {"totalAmountAccepted": "0.10015", "allocationId": allocation_id}
    await requestor(
        "payment-api:acceptInvoice", accepted, body={**promise, "totalAmountAccepted": "9"}, expect=400
    )
    await requestor("payment-api:acceptInvoice", accepted, body=promise)
    await requestor("payment-api:rejectInvoice", accepted, body=REFUSAL, expect=409)
    for door in (requestor, provider):
        listed = await door("payment-api:getInvoices")
        assert [each["invoiceId"] for each in listed] == [withdrawn, refused, accepted]
        assert (await door("payment-api:getInvoice", refused))["status"] == "REJECTED"
    await _told(provider, "Invoice", accepted, "Settled")
    assert await _events(provider, "Invoice") == ["Cancelled", "Rejected", "Accepted", "Settled"]
    paid = await provider("payment-api:getPaymentsForInvoice", accepted)
    assert agreement_id in {part["agreementId"] for each in paid for part in each["agreementPayments"]}


async def invoice(sides: Sides, body: dict[str, Any]) -> str:
    """An invoice that the requestor has; its id."""
    body = {**body, "paymentDueDate": _in_a_minute()}
    issued = await sides.provider("payment-api:issueInvoice", body=body, expect=201)
    await sides.provider("payment-api:sendInvoice", issued["invoiceId"], timeout=10)
    return issued["invoiceId"]


async def look_at_payments(sides: Sides, allocation_id: str) -> None:
    requestor, provider = sides.requestor, sides.provider
    for door in (requestor, provider):
        [first, _] = await door("payment-api:getPayments", timeout=10)
        assert await door("payment-api:getPayment", first["paymentId"]) == first
        assert await door("payment-api:getPayments", timeout=0, network="mars") == []
    assert await requestor("payment-api:paymentsStatus") == []
    [problem] = await provider("payment-api:paymentsStatus")
    assert problem["kind"] == "InsufficientGas"
    assert await provider("payment-api:paymentsStatus", network="mars") == []
    await requestor("payment-api:releaseAllocation", allocation_id)
    await requestor("payment-api:releaseAllocation", allocation_id, expect=410)
    await requestor("payment-api:getAllocation", "unknown", expect=404)


async def _told(door: Door, resource: str, claim_id: str, what: str) -> None:
    """Wait for an event of a claim."""
    cursor = BEGINNING
    async with asyncio.timeout(20):
        while True:
            events = await door(f"payment-api:get{resource}Events", timeout=5, afterTimestamp=cursor)
            if any(what in each["eventType"] and claim_id in each.values() for each in events):
                return
            cursor = events[-1]["eventDate"] if events else cursor


async def _events(door: Door, resource: str) -> list[str]:
    events = await door(f"payment-api:get{resource}Events", timeout=0, maxEvents=50)
    return [each["eventType"].removeprefix(resource).removesuffix("Event") for each in events]


def _in_a_minute() -> str:
    return (datetime.now(UTC) + timedelta(minutes=1)).isoformat()

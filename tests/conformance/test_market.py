"""Every operation of the market API, between two daemons."""

from __future__ import annotations

from deal import OFFER, Sides, agree, negotiate, propose, publish

REASON = {"message": "no more", "golem.requestor.code": "Cancelled"}


async def test_every_operation(sides: Sides, contract):
    await _publications(sides)
    await _scan(sides)
    await _rejected_proposals(sides)
    await _agreements_that_fail(sides)
    await _agreement_that_ends(sides)
    # No daemon has ever asked for properties in this way: there is no query that could be answered.
    absent = {"market-api:queryReplyOffers", "market-api:queryReplyDemands"}
    assert sides.done >= contract.of_api("market-api") - absent


async def _publications(sides: Sides):
    requestor, provider = sides.requestor, sides.provider
    offer_id, demand_id, _ = await publish(sides)
    [offer] = await provider("market-api:getOffers")
    [demand] = await requestor("market-api:getDemands")
    assert (offer["offerId"], demand["demandId"]) == (offer_id, demand_id)
    for door, resource, one in ((provider, "Offer", offer_id), (requestor, "Demand", demand_id)):
        await door(f"market-api:queryReply{resource}s", one, "query", body={}, expect=404)
        await door(f"market-api:unsubscribe{resource}", one, expect=204)
        await door(f"market-api:unsubscribe{resource}", one, expect=410)
        await door(f"market-api:unsubscribe{resource}", "unknown", expect=404)
    await requestor("market-api:collectOffers", demand_id, expect=404)
    await provider("market-api:collectDemands", offer_id, expect=404)
    bad = {"properties": {}, "constraints": "(a=b"}
    await requestor("market-api:subscribeDemand", body=bad, expect=400)


async def _scan(sides: Sides):
    requestor = sides.requestor
    offer_id = await sides.provider("market-api:subscribeOffer", body=OFFER)
    body = {"type": "offer", "constraints": "(golem.runtime.name=vm)"}
    scan_id = await requestor("market-api:beginScan", body=body, expect=201)
    [found] = await requestor("market-api:collectScanResults", scan_id, timeout=10)
    assert found["offerId"] == offer_id
    assert await requestor("market-api:collectScanResults", scan_id, timeout=0) == []
    await requestor("market-api:endScan", scan_id)
    await requestor("market-api:endScan", scan_id, expect=404)
    await requestor("market-api:collectScanResults", scan_id, timeout=0, expect=404)
    await sides.provider("market-api:unsubscribeOffer", offer_id)


async def _rejected_proposals(sides: Sides):
    requestor, provider = sides.requestor, sides.provider
    offer_id, demand_id, wanted = await publish(sides)
    [found] = await requestor("market-api:collectOffers", demand_id, timeout=10)
    first = found["proposal"]["proposalId"]
    await requestor("market-api:counterProposalDemand", demand_id, first, body=wanted)
    [asked] = await provider("market-api:collectDemands", offer_id, timeout=10)
    theirs = asked["proposal"]["proposalId"]
    await provider("market-api:rejectProposalDemand", offer_id, theirs, body=REASON, expect=204)
    [told] = await requestor("market-api:collectOffers", demand_id, timeout=10)
    assert (told["eventType"], told["reason"]) == ("ProposalRejectedEvent", REASON)
    await provider("market-api:unsubscribeOffer", offer_id)
    await requestor("market-api:unsubscribeDemand", demand_id)

    offer_id, demand_id, wanted = await publish(sides)
    proposal_id = await negotiate(sides, offer_id, demand_id, wanted)
    await requestor("market-api:rejectProposalOffer", demand_id, proposal_id, body=REASON, expect=204)
    [told] = await provider("market-api:collectDemands", offer_id, timeout=10)
    assert told["eventType"] == "ProposalRejectedEvent"
    await provider("market-api:unsubscribeOffer", offer_id)


async def _agreements_that_fail(sides: Sides):
    requestor, provider = sides.requestor, sides.provider
    cancelled, offer_id = await propose(sides)
    await provider("market-api:unsubscribeOffer", offer_id)
    await requestor("market-api:waitForApproval", cancelled, timeout=0.01, expect=408)
    await requestor("market-api:cancelAgreement", cancelled, body=REASON)
    await requestor("market-api:waitForApproval", cancelled, timeout=1, expect=410)
    await provider("market-api:approveAgreement", cancelled, timeout=1, expect=410)

    rejected, offer_id = await propose(sides)
    await provider("market-api:unsubscribeOffer", offer_id)
    await provider("market-api:rejectAgreement", rejected, body=REASON)
    await requestor("market-api:waitForApproval", rejected, timeout=5, expect=410)
    await requestor("market-api:terminateAgreement", rejected, body=REASON, expect=410)
    listed = await requestor("market-api:listAgreements", state="Rejected")
    assert [each["id"] for each in listed] == [rejected]


async def _agreement_that_ends(sides: Sides):
    requestor, provider = sides.requestor, sides.provider
    agreement_id = await agree(sides)
    assert (await provider("market-api:getAgreement", agreement_id))["state"] == "Approved"
    await requestor("market-api:terminateAgreement", agreement_id, body=REASON)
    await requestor("market-api:terminateAgreement", agreement_id, body=REASON, expect=410)
    told = await requestor("market-api:getTerminateAgreementReason", agreement_id)
    assert (told["eventType"], told["reason"]) == ("AgreementTerminatedEvent", REASON)
    events = await requestor("market-api:collectAgreementEvents", maxEvents=50, appSessionId="session")
    kinds = [event["eventType"].removeprefix("Agreement").removesuffix("Event") for event in events]
    assert kinds == ["Cancelled", "Rejected", "Approved", "Terminated"]
    cursor = events[-1]["eventDate"]
    later = {"timeout": 0.01, "afterTimestamp": cursor}
    assert await requestor("market-api:collectAgreementEvents", **later) == []

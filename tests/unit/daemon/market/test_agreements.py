from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from golemnet.daemon.market.states import AgreementState
from golemnet.rest.errors import BadRequest, Conflict, Forbidden, Gone, NotFound, RequestTimeout


async def test_both_sides_hold_the_same_signed_agreement(deal):
    agreement_id = await deal.agree()

    ours = await deal.requestor.market.agreement(agreement_id)
    theirs = await deal.provider.market.agreement(agreement_id)

    await deal.requestor.market.agreements.wait(agreement_id, 5)
    assert (ours.state, theirs.state) == ("Approved", "Approved")
    assert ours == theirs
    assert all((ours.proposed_signature, ours.approved_signature, ours.committed_signature))
    assert ours.demand.demand_id == deal.demand_id
    assert ours.demand.properties["golem.node.debug.subnet"] == "test"
    assert ours.offer.offer_id == deal.offer_id
    assert ours.offer.properties["extra"] == 1
    assert ours.approved_date is not None


async def test_a_proposal_makes_one_agreement(deal):
    await deal.create()
    with pytest.raises(Conflict):
        await deal.create()


async def test_an_agreement_is_made_of_a_draft_of_the_provider(deal):
    proposal = await deal.requestor.market.negotiation.get(deal.demand_id, deal.draft)
    deal.draft = proposal.previous
    with pytest.raises(BadRequest):
        await deal.create()


async def test_a_deadline_in_the_past_is_refused(deal):
    with pytest.raises(BadRequest):
        await deal.create(timedelta(seconds=-1))


async def test_nothing_happens_before_it_is_confirmed(deal):
    agreement_id = await deal.create()
    agreements = deal.requestor.market.agreements
    with pytest.raises(BadRequest):
        await agreements.wait(agreement_id, 0)
    with pytest.raises(Conflict):
        await agreements.terminate(agreement_id, None)
    assert await deal.provider.market.agreement(agreement_id) is None


async def test_it_is_confirmed_once(deal):
    agreement_id = await deal.propose()
    with pytest.raises(Conflict):
        await deal.requestor.market.agreements.confirm(agreement_id, None)


async def test_waiting_ends_at_the_timeout(deal):
    agreement_id = await deal.propose()
    with pytest.raises(RequestTimeout):
        await deal.requestor.market.agreements.wait(agreement_id, 0.01)


async def test_a_rejection_ends_the_wait_and_frees_the_proposal(deal):
    agreement_id = await deal.propose()
    waiting = asyncio.create_task(deal.requestor.market.agreements.wait(agreement_id, 5))
    await deal.provider.market.agreements.reject(agreement_id, {"message": "busy"})

    with pytest.raises(Gone, match=r"^Rejected$"):
        await waiting
    with pytest.raises(Gone):
        await deal.provider.market.agreements.approve(agreement_id, None, 1)
    await deal.counter(deal.draft)
    assert await deal.agree()


async def test_a_withdrawal_ends_the_provider_side(deal):
    agreement_id = await deal.propose()
    await deal.requestor.market.agreements.cancel(agreement_id, {"message": "found better"})
    await deal.state(deal.provider, agreement_id, "Cancelled")
    with pytest.raises(Gone):
        await deal.provider.market.agreements.approve(agreement_id, None, 1)
    with pytest.raises(Gone, match=r"^Cancelled$"):
        await deal.requestor.market.agreements.wait(agreement_id, 1)


async def test_what_needs_an_approved_agreement_waits_for_the_commitment(deal, network):
    agreement_id = await deal.propose()
    network.faults.cut(deal.requestor.key.node_id, deal.provider.key.node_id)
    approving = asyncio.create_task(deal.provider.market.agreements.approve(agreement_id, None, 5))
    while (await deal.provider.market.records.get(agreement_id)).state is not AgreementState.APPROVING:  # noqa: ASYNC110
        await asyncio.sleep(0)
    waiting = asyncio.create_task(_committed_state(deal.provider, agreement_id))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    network.faults.heal()
    assert await waiting == "Approved"
    await approving


async def test_what_needs_an_approved_agreement_does_not_wait_for_the_approval(deal):
    agreement_id = await deal.propose()
    assert await asyncio.wait_for(_committed_state(deal.provider, agreement_id), 20) == "Pending"
    assert await deal.provider.market.committed_agreement("nothing") is None


async def _committed_state(peer, agreement_id):
    return (await peer.market.committed_agreement(agreement_id)).state


async def test_only_its_own_side_may_act(deal):
    agreement_id = await deal.propose()
    with pytest.raises(Forbidden):
        await deal.requestor.market.agreements.approve(agreement_id, None, 1)
    with pytest.raises(Forbidden):
        await deal.provider.market.agreements.cancel(agreement_id, None)


@pytest.mark.parametrize("ender", ["requestor", "provider"])
async def test_either_side_terminates_and_both_know_why(deal, ender, eventually):
    agreement_id = await deal.agree()
    told: list[str] = []
    for peer in (deal.requestor, deal.provider):
        peer.market.on_agreement_ended(_note(told))

    await getattr(deal, ender).market.agreements.terminate(agreement_id, {"message": "enough", "code": 3})

    for peer in (deal.requestor, deal.provider):
        await deal.state(peer, agreement_id, "Terminated")
        assert (await peer.market.records.termination(agreement_id)).reason == {
            "message": "enough",
            "code": 3,
        }
        with pytest.raises(Gone):
            await peer.market.agreements.terminate(agreement_id, None)
    await eventually(lambda: len(told) == 2)
    assert told == [agreement_id, agreement_id]


def _note(told):
    async def note(agreement_id):
        told.append(agreement_id)

    return note


async def test_an_ended_agreement_makes_room_for_a_new_negotiation(deal):
    agreement_id = await deal.agree()
    await deal.requestor.market.agreements.terminate(agreement_id, None)
    again = await deal.requestor.proposal(deal.demand_id)
    assert again.state == "Initial"
    await deal.counter(again.proposal_id[2:])
    assert await deal.agree() != agreement_id


async def test_it_expires_on_both_sides(deal):
    agreement_id = await deal.create(timedelta(seconds=3))  # a busy machine may need two to send it
    await deal.requestor.market.agreements.confirm(agreement_id, None)
    with pytest.raises(Gone, match=r"^Expired$"):
        await deal.requestor.market.agreements.wait(agreement_id, 5)
    await deal.state(deal.provider, agreement_id, "Expired")
    with pytest.raises(Gone):
        await deal.provider.market.agreements.approve(agreement_id, None, 1)


async def test_events_are_told_by_session_and_after_a_time(deal):
    agreement_id = await deal.propose(session="mine")
    agreements, records = deal.requestor.market.agreements, deal.requestor.market.records
    before = datetime.now(UTC) - timedelta(hours=1)
    waiting = asyncio.create_task(records.events(before, "mine", 5, 10))
    await deal.provider.market.agreements.approve(agreement_id, "theirs", 5)

    [event] = await waiting
    assert (event.agreement_id, event.kind) == (agreement_id, "AgreementApprovedEvent")
    assert await records.events(event.at, "mine", 0, 10) == []
    assert await records.events(before, "other", 0, 10) == []
    assert len(await deal.provider.market.records.events(before, "theirs", 0, 10)) == 1

    await agreements.terminate(agreement_id, None)
    [ended] = await records.events(event.at, None, 5, 10)
    assert (ended.kind, ended.terminator) == ("AgreementTerminatedEvent", "Requestor")
    assert ended.signature


async def test_they_are_listed_by_state(deal):
    agreement_id = await deal.agree()
    records = deal.requestor.market.records
    assert [each.agreement_id for each in await records.listed("Approved")] == [agreement_id]
    assert await records.listed("Pending") == []
    with pytest.raises(ValueError):
        await records.listed("Nonsense")


async def test_an_unknown_agreement_is_not_found(deal):
    with pytest.raises(NotFound):
        await deal.requestor.market.records.get("nothing")


async def test_approval_and_withdrawal_at_once_end_alike(deal):
    for turn in range(8):
        agreement_id = await deal.propose()
        approve = deal.provider.market.agreements.approve(agreement_id, None, 5)
        cancel = deal.requestor.market.agreements.cancel(agreement_id, None)
        first, second = (approve, cancel) if turn % 2 else (cancel, approve)
        results = await asyncio.gather(first, second, return_exceptions=True)

        failed = [each for each in results if each is not None]
        assert len(failed) == 1
        assert isinstance(failed[0], Gone)
        ours = (await deal.requestor.market.agreement(agreement_id)).state
        await deal.state(deal.provider, agreement_id, ours)
        if ours == "Approved":
            await deal.requestor.market.agreements.terminate(agreement_id, None)
            await deal.counter((await deal.requestor.proposal(deal.demand_id)).proposal_id[2:])

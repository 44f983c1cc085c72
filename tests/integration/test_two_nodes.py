"""A task's whole way between two nodes by their REST APIs: from offer and demand to the payment."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError
from golemnet.rest.exeunit import (
    ExecBatch,
    Hello,
    Result,
    StateChanged,
    Stop,
    Usage,
    decode_to_unit,
    encode_frame,
)
from golemnet.rest.market import AgreementEvent, ProposalEvent
from golemnet.rest.payment import InitAccount, NewDebitNote, NewInvoice
from golemnet.testing.anvil_chain import AnvilChain
from golemnet.testing.nodes import program, start_nodes

COMMANDS = [{"deploy": {}}, {"start": {}}, {"run": {"entry_point": "/bin/true", "args": []}}]
OFFER = {
    "golem.inf.mem.gib": 4.0,
    "golem.inf.storage.gib": 10.0,
    "golem.inf.cpu.threads": 2,
    "golem.runtime.name": "vm",
    "golem.node.id.name": "provider",
    "golem.node.debug.subnet": "test",
    "golem.com.scheme": "payu",
    "golem.com.pricing.model": "linear",
    "golem.com.pricing.model.linear.coeffs": [0.0001, 0.0001, 0.1],
    "golem.com.usage.vector": ["golem.usage.duration_sec", "golem.usage.cpu_sec"],
}


class Unit:
    """An ExeUnit that says yes to everything."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse) -> None:
        self._link = link

    async def run(self, activity_id: str) -> None:
        await self._say(Hello(activity_id, "Initialized", []))
        async for message in self._link:
            match decode_to_unit(message.data):
                case ExecBatch() as batch:
                    await self._execute(batch)
                case Stop():
                    await self._say(StateChanged("Terminated", "stopped"))
                    return

    async def _execute(self, batch: ExecBatch) -> None:
        commands = json.loads(batch.script_json)
        for index, command in enumerate(commands):
            await self._say(StateChanged("Deployed" if "deploy" in command else "Ready"))
            result = ExeScriptCommandResult(
                index=index,
                event_date=datetime.now(UTC),
                result="Ok",
                stdout=next(iter(command)),
                is_batch_finished=index == len(commands) - 1,
            )
            await self._say(Usage([1.0, 0.5], datetime.now(UTC)))
            await self._say(Result(batch.batch_id, result))

    async def _say(self, frame) -> None:
        await self._link.send_bytes(encode_frame(frame))


async def first(poll):
    """The first non-empty answer of a long poll."""
    async with asyncio.timeout(15):
        while not (found := await poll()):
            pass
    return found


async def agree(requestor: Client, provider: Client, allocation_id: str | None = None) -> str:
    """Offer, demand, proposals of both sides, agreement signed by both; its id."""
    demand = {
        "golem.srv.comp.expiration": int((datetime.now(UTC) + timedelta(minutes=30)).timestamp() * 1000),
        "golem.node.debug.subnet": "test",
    }
    if allocation_id:
        decoration = await requestor.payment.get_demand_decorations([allocation_id])
        demand |= {each.key: each.value for each in decoration.properties}
    constraints = "(&(golem.node.debug.subnet=test)(golem.inf.mem.gib>=0.5)(golem.runtime.name=vm))"
    offer_id = await provider.market.subscribe_offer(OFFER, "(golem.srv.comp.expiration>0)")
    demand_id = await requestor.market.subscribe_demand(demand, constraints)

    [found] = await first(lambda: requestor.market.demand_events(demand_id))
    assert isinstance(found, ProposalEvent)
    assert found.proposal.state == "Initial"
    await requestor.market.counter_proposal_demand(demand_id, found.proposal.proposal_id, demand, constraints)
    [asked] = await first(lambda: provider.market.offer_events(offer_id))
    assert isinstance(asked, ProposalEvent)
    await provider.market.counter_proposal_offer(
        offer_id, asked.proposal.proposal_id, OFFER, "(golem.srv.comp.expiration>0)"
    )
    [answered] = await first(lambda: requestor.market.demand_events(demand_id))
    assert isinstance(answered, ProposalEvent)
    assert answered.proposal.state == "Draft"

    valid_to = datetime.now(UTC) + timedelta(minutes=5)
    agreement_id = await requestor.market.create_agreement(answered.proposal.proposal_id, valid_to)
    await requestor.market.confirm_agreement(agreement_id)
    [proposed] = await first(lambda: provider.market.offer_events(offer_id))
    assert isinstance(proposed, AgreementEvent)
    approving = asyncio.create_task(provider.market.approve_agreement(proposed.agreement.agreement_id))
    await requestor.market.wait_for_approval(agreement_id, 10)
    await approving
    assert (await requestor.market.get_agreement(agreement_id)).state == "Approved"
    return agreement_id


async def serve_one_activity(provider: Client, agreement_id: str) -> None:
    """What a provider agent does: wait for the activity, connect an ExeUnit, until it has ended."""
    [event] = await first(lambda: provider.activity.provider_events(timeout_s=5))
    assert (event.kind, event.agreement_id) == ("CreateActivity", agreement_id)
    async with provider.activity.exeunit_link(event.activity_id) as link:
        await Unit(link).run(event.activity_id)


async def run_batch(requestor: Client, agreement_id: str) -> str:
    """Create an activity, run the commands, destroy it; its id."""
    activity_id = await requestor.activity.create_activity(agreement_id, timeout_s=10)
    batch_id = await requestor.activity.exec(activity_id, COMMANDS)
    results = await requestor.activity.batch_results(activity_id, batch_id, timeout_s=10)
    assert [each.stdout for each in results] == ["deploy", "start", "run"]
    assert results[-1].is_batch_finished
    streamed = [event async for event in requestor.activity.stream_batch(activity_id, batch_id)]
    assert [event.index for event in streamed if "finished" in event.kind] == [0, 1, 2]
    assert (await requestor.activity.get_state(activity_id)).current == "Ready"
    assert (await requestor.activity.get_usage(activity_id)).current_usage == [1.0, 0.5]
    await requestor.activity.destroy_activity(activity_id)
    assert (await requestor.activity.get_state(activity_id)).current == "Terminated"
    return activity_id


async def test_from_offer_to_results_without_a_chain(tmp_path: Path):
    async with (
        start_nodes(2, tmp_path) as nodes,
        program(nodes[0]) as requestor,
        program(nodes[1]) as provider,
    ):
        agreement_id = await agree(requestor, provider)
        agent = asyncio.create_task(serve_one_activity(provider, agreement_id))
        await run_batch(requestor, agreement_id)
        await asyncio.wait_for(agent, 20)
        with pytest.raises(ApiError, match="chain"):
            await requestor.payment.create_allocation(Decimal(1))


async def test_the_end_of_an_agreement_ends_its_activity(tmp_path: Path):
    async with (
        start_nodes(2, tmp_path) as nodes,
        program(nodes[0]) as requestor,
        program(nodes[1]) as provider,
    ):
        agreement_id = await agree(requestor, provider)
        agent = asyncio.create_task(serve_one_activity(provider, agreement_id))
        activity_id = await requestor.activity.create_activity(agreement_id, timeout_s=10)
        await requestor.market.terminate_agreement(agreement_id, {"message": "enough"})
        await asyncio.wait_for(agent, 10)
        assert (await requestor.activity.get_state(activity_id)).current == "Terminated"
        with pytest.raises(ApiError, match="Terminated"):
            await requestor.activity.create_activity(agreement_id, timeout_s=5)


@pytest.mark.chain
async def test_from_offer_to_payment_on_a_chain(tmp_path: Path):
    async with (
        AnvilChain(tmp_path / "chain") as chain,
        start_nodes(2, tmp_path, chain_file=chain.path) as nodes,
        program(nodes[0]) as requestor,
        program(nodes[1]) as provider,
    ):
        await requestor.payment.init(InitAccount())
        allocation = await requestor.payment.create_allocation(Decimal(10))
        agreement_id = await agree(requestor, provider, allocation.allocation_id)
        agent = asyncio.create_task(serve_one_activity(provider, agreement_id))
        activity_id = await run_batch(requestor, agreement_id)
        await asyncio.wait_for(agent, 20)
        note = await provider.payment.issue_debit_note(
            NewDebitNote(
                activity_id=activity_id,
                total_amount_due=Decimal("0.10015"),
                usage_counter_vector=[1.0, 0.5],
            )
        )
        await provider.payment.send_debit_note(note.debit_note_id)
        [noted] = await first(requestor.payment.debit_note_events)
        await requestor.payment.accept_debit_note(
            noted.debit_note_id, note.total_amount_due, allocation.allocation_id
        )
        invoice = await provider.payment.issue_invoice(
            NewInvoice(
                agreement_id=agreement_id,
                amount=Decimal("0.10015"),
                payment_due_date=datetime.now(UTC) + timedelta(minutes=1),
                activity_ids=[activity_id],
            )
        )
        await provider.payment.send_invoice(invoice.invoice_id)
        [received] = await first(requestor.payment.invoice_events)
        await requestor.payment.accept_invoice(received.invoice_id, invoice.amount, allocation.allocation_id)
        [payment] = await first(lambda: provider.payment.get_payments(timeout_s=10))
        assert payment.amount == Decimal("0.10015")
        assert payment.payer_id == nodes[0].key.node_id
        assert (await first(lambda: settled(provider, invoice.invoice_id))).status == "SETTLED"
        left = await requestor.payment.get_allocation(allocation.allocation_id)
        assert left.remaining_amount == Decimal(10) - Decimal("0.10015")


async def settled(provider: Client, invoice_id: str):
    invoice = await provider.payment.get_invoice(invoice_id)
    if invoice.status != "SETTLED":
        await provider.payment.invoice_events(timeout_s=0.2, after=datetime.now(UTC))
        return None
    return invoice

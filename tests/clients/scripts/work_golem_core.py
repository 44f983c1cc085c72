"""A demand, a negotiation, commands and debit notes, for golem-core 0.7.8. Argument: the image's hash."""

import asyncio
import logging
import os
import sys
from dataclasses import dataclass

from golem.managers import (
    DefaultAgreementManager,
    DefaultPaymentManager,
    DefaultProposalManager,
    NegotiatingPlugin,
    PaymentPlatformNegotiator,
    RefreshingDemandManager,
    SequentialWorkManager,
    SingleUseActivityManager,
)
from golem.node import GolemNode
from golem.payload import Payload, RepositoryVmPayload, defaults, prop
from golem.resources import DebitNote, Invoice
from golem.resources.pooling_batch.exceptions import BatchError


@dataclass
class OftenPaid(Payload):
    """Debit notes at short intervals, payable before the agreement's end."""

    interval: int = prop(defaults.PROP_DEBIT_NOTES_INTERVAL, default=2)
    timeout: int = prop(defaults.PROP_PAYMENT_TIMEOUT, default=4)


async def count(context):
    batch = await context.create_batch()
    for number in range(3):
        batch.run(["/bin/sh", "-c", f"echo number-{number}; sleep 3"])
    print("counted", *[each.stdout.strip() for each in await batch()])


async def fail(context):
    batch = await context.create_batch()
    batch.run(["/bin/sh", "-c", "echo bad-news >&2; exit 3"])
    try:
        await batch()
    except BatchError as error:
        print("failed", error)


async def show(resources):
    for resource in resources:
        data = await resource.get_data(force=True)
        print(type(resource).__name__, data.status, data.payment_due_date is not None)


async def main(image_hash: str):
    image_url = f"{os.environ['GOLEM_REGISTRY_URL']}/download/{image_hash}"
    payload = RepositoryVmPayload(
        image_hash=image_hash, image_url=image_url, min_mem_gib=0.1, min_storage_gib=0.1
    )
    golem = GolemNode()
    payments = DefaultPaymentManager(golem, budget=1.0)
    demands = RefreshingDemandManager(golem, payments.get_allocation, [payload, OftenPaid()])
    negotiator = NegotiatingPlugin(proposal_negotiators=[PaymentPlatformNegotiator()])
    proposals = DefaultProposalManager(golem, demands.get_initial_proposal, plugins=[negotiator])
    agreements = DefaultAgreementManager(golem, proposals.get_draft_proposal)
    activities = SingleUseActivityManager(golem, agreements.get_agreement)
    work = SequentialWorkManager(golem, activities.get_activity)
    async with golem:
        async with payments, demands, proposals, agreements:
            await work.do_work(count)
            await work.do_work(fail)
        await show(golem.all_resources(DebitNote))
        await show(golem.all_resources(Invoice))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(*sys.argv[1:]))

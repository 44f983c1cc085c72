"""Lists offers, then works with one chosen provider only, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from yapapi import Golem, Task
from yapapi.config import ApiConfig
from yapapi.contrib.strategy import ProviderFilter
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.props import Activity, NodeInfo
from yapapi.props.builder import DemandBuilder
from yapapi.rest import Configuration, Market
from yapapi.strategy import LeastExpensiveLinearPayuMS


async def listed(subnet: str, wanted: int) -> dict[str, str]:
    """Ids of so many providers by their names."""
    demand = DemandBuilder()
    demand.add(NodeInfo(subnet_tag=subnet))
    demand.add(Activity(expiration=datetime.now(UTC) + timedelta(minutes=10)))
    demand.ensure(f"(golem.node.debug.subnet={subnet})")
    found = {}
    async with (
        Configuration(api_config=ApiConfig()).market() as client,
        await demand.subscribe(Market(client)) as subscription,
    ):
        async for proposal in subscription.events():
            found[proposal.props["golem.node.id.name"]] = proposal.issuer
            if len(found) == wanted:
                break
    return found


async def worker(context, tasks):
    async for task in tasks:
        script = context.new_script()
        script.run("/bin/true")
        yield script
        task.accept_result(context.provider_name)


async def main(image_hash: str):
    offers = await asyncio.wait_for(listed(os.environ["YAGNA_SUBNET"], 2), 20)
    print("offers", *sorted(offers))
    payload = await vm.repo(
        image_hash=image_hash,
        repository_url=os.environ["GOLEM_REGISTRY_URL"],
        min_mem_gib=0.1,
        min_storage_gib=0.1,
    )
    chosen = ProviderFilter(LeastExpensiveLinearPayuMS(), lambda issuer: issuer == offers["provider-2"])
    async with Golem(budget=1.0, strategy=chosen) as golem:
        golem.add_event_consumer(lambda event: print("rejected", event.provider_id), ["ProposalRejected"])
        async for task in golem.execute_tasks(
            worker, [Task(n) for n in range(2)], payload, max_workers=1, timeout=timedelta(minutes=1)
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

"""Two instances of a service that counts, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys

from yapapi import Golem
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.services import Service, ServiceState

COUNT = "echo $(($(cat /golem/work/count) + 1)) > /golem/work/count; cat /golem/work/count"
ALL_OVER_S = 60


class Counter(Service):
    @staticmethod
    async def get_payload():
        return await vm.repo(
            image_hash=sys.argv[1],
            repository_url=os.environ["GOLEM_REGISTRY_URL"],
            min_mem_gib=0.1,
            min_storage_gib=0.1,
        )

    async def start(self):
        async for script in super().start():
            yield script
        script = self._ctx.new_script()
        script.run("/bin/sh", "-c", "echo 0 > /golem/work/count")
        yield script

    async def run(self):
        for _ in range(3):
            script = self._ctx.new_script()
            counted = script.run("/bin/sh", "-c", COUNT)
            yield script
            print("counted", self.provider_name, (await counted).stdout.strip())
        usage = await self._ctx.get_usage()
        print("used", (await self._ctx.get_raw_state()).state[0], *sorted(usage.current_usage))

    async def shutdown(self):
        script = self._ctx.new_script()
        last = script.run("/bin/cat", "/golem/work/count")
        yield script
        print("last", self.provider_name, (await last).stdout.strip())


async def main():
    over = asyncio.Event()

    def changed(event) -> None:
        if event.new == ServiceState.terminated and all(
            each.state == ServiceState.terminated for each in cluster.instances
        ):
            over.set()

    async with Golem(budget=1.0) as golem:
        golem.add_event_consumer(changed, ["ServiceStateChanged"])
        cluster = await golem.run_service(Counter, num_instances=2)
        await asyncio.wait_for(over.wait(), ALL_OVER_S)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main())

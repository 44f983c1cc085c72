"""Tasks that nobody waits for, by the published API. Argument: the image's hash."""

import asyncio
import itertools
import sys

from yapapi import Golem, Task
from yapapi.log import enable_default_logger
from yapapi.payload import vm


async def worker(context, tasks):
    async for task in tasks:
        script = context.new_script()
        script.run("/bin/sleep", "100")
        print("begins", context.provider_name)
        yield script
        task.accept_result()


async def main():
    payload = await vm.repo(image_hash=sys.argv[1], min_mem_gib=0.1, min_storage_gib=0.1)
    async with Golem(budget=1.0) as golem:
        tasks = (Task(number) for number in itertools.count())
        async for _ in golem.execute_tasks(worker, tasks, payload, max_workers=2):
            print("done")


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main())

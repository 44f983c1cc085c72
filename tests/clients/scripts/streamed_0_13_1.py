"""A command whose output comes while it runs, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys
import time
from datetime import timedelta

from yapapi.payload import vm

from yapapi import Golem, Task
from yapapi.log import enable_default_logger


async def worker(context, tasks):
    async for task in tasks:
        script = context.new_script()
        script.run("/bin/sh", "-c", "for n in 1 2 3; do echo line-$n; sleep 1; done; echo end >&2")
        yield script
        task.accept_result(True)


def show(event) -> None:
    name = {"CommandStdOut": "out", "CommandStdErr": "err", "CommandExecuted": "executed"}[
        type(event).__name__
    ]
    print(name, time.monotonic(), getattr(event, "output", "").strip())


async def main(image_hash: str):
    payload = await vm.repo(
        image_hash=image_hash,
        repository_url=os.environ["GOLEM_REGISTRY_URL"],
        min_mem_gib=0.1,
        min_storage_gib=0.1,
    )
    async with Golem(budget=1.0, stream_output=True) as golem:
        golem.add_event_consumer(show, ["CommandStdOut", "CommandStdErr", "CommandExecuted"])
        async for task in golem.execute_tasks(
            worker, [Task("one")], payload, max_workers=1, timeout=timedelta(minutes=1)
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

"""One task that fails at the first two agreements, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys
from datetime import timedelta

from yapapi import Golem, Task
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.rest.activity import CommandExecutionError

FAILURES = 2


async def main(image_hash: str):
    attempts = 0

    async def worker(context, tasks):
        nonlocal attempts
        async for task in tasks:
            attempts += 1
            script = context.new_script()
            script.run("/bin/sh", "-c", f"echo bad-news >&2; exit {3 if attempts <= FAILURES else 0}")
            try:
                yield script
            except CommandExecutionError as error:
                print("failed", error.stderr.strip(), error.message)
                raise
            task.accept_result(attempts)

    payload = await vm.repo(
        image_hash=image_hash,
        repository_url=os.environ["GOLEM_REGISTRY_URL"],
        min_mem_gib=0.1,
        min_storage_gib=0.1,
    )
    async with Golem(budget=1.0) as golem:
        golem.add_event_consumer(
            lambda event: print("terminated", event.reason["golem.requestor.code"]), ["AgreementTerminated"]
        )
        async for task in golem.execute_tasks(
            worker, [Task("one")], payload, max_workers=1, timeout=timedelta(minutes=1)
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

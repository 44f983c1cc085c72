"""Output and progress that come while commands run, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys
import time
from datetime import timedelta

from yapapi import Golem, Task
from yapapi.events import CommandExecuted, CommandProgress, CommandStdErr, CommandStdOut
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.script import ProgressArgs

SHOWN = (CommandExecuted, CommandProgress, CommandStdErr, CommandStdOut)


def url() -> str:
    """The image itself: the network's registry is the one web server that all of it can reach."""
    return f"{os.environ['GOLEM_REGISTRY_URL']}/download/{sys.argv[1]}"


async def worker(context, tasks):
    async for task in tasks:
        script = context.new_script()
        script.download_from_url(url(), "/golem/resource/image", ProgressArgs(updateStep=256 * 1024))
        script.run("/bin/sh", "-c", "for n in 1 2 3; do echo line-$n; sleep 1; done; echo end >&2")
        yield script
        task.accept_result(True)


def show(event) -> None:
    if isinstance(event, CommandProgress):
        print("progress", *event.progress, event.unit)
    elif isinstance(event, CommandExecuted):
        print("executed", time.monotonic())
    else:
        print("out" if isinstance(event, CommandStdOut) else "err", time.monotonic(), event.output.strip())


async def main(image_hash: str):
    payload = await vm.repo(
        image_hash=image_hash,
        repository_url=os.environ["GOLEM_REGISTRY_URL"],
        min_mem_gib=0.1,
        min_storage_gib=0.1,
    )
    async with Golem(budget=1.0, stream_output=True) as golem:
        golem.add_event_consumer(show, SHOWN)
        async for task in golem.execute_tasks(
            worker, [Task("one")], payload, max_workers=1, timeout=timedelta(minutes=1)
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

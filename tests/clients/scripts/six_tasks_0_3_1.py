"""Six small tasks with files, for yapapi 0.3.1. Arguments: the image's hash, the subnet."""

import asyncio
import sys
from datetime import timedelta

from yapapi.log import enable_default_logger, log_summary
from yapapi.runner import Engine, Task, vm

JOIN = "cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin"


async def worker(context, tasks):
    context.send_file("common.bin", "/golem/resource/common.bin")
    async for task in tasks:
        context.send_json("/golem/work/params.json", {"number": task.data})
        context.run("/bin/sh", "-c", JOIN)
        context.download_file("/golem/output/joined.bin", f"joined_{task.data}.bin")
        yield context.commit()
        task.accept_task(result=f"done-{task.data}")


async def main(image_hash: str, subnet: str):
    package = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=0.1)
    async with Engine(
        package=package,
        # This version does not end an agreement that it has had no work for; a second one would stay open.
        max_workers=1,
        budget=1.0,
        timeout=timedelta(minutes=2),
        subnet_tag=subnet,
        event_emitter=log_summary(),
    ) as engine:
        async for task in engine.map(worker, [Task(data=number) for number in range(6)]):
            print("result", task.data, task.output)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

"""Six tasks of about two seconds, in the form of the tutorial's script. Argument: the image's hash."""

import asyncio
import sys
from datetime import timedelta

from yapapi.runner import Engine, Task, vm
from yapapi.runner.ctx import WorkContext

JOIN = "sleep 2 && cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin"


async def main(image_hash: str):
    package = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=0.1)

    async def worker(ctx: WorkContext, tasks):
        ctx.send_file("./common.bin", "/golem/resource/common.bin")
        async for task in tasks:
            ctx.begin()
            ctx.send_json("/golem/work/params.json", {"number": task.data})
            ctx.run("/bin/sh", "-c", JOIN)
            ctx.download_file("/golem/output/joined.bin", f"joined_{task.data}.bin")
            yield ctx.commit()
            task.accept_task()
        ctx.log("no more tasks")

    timeout = timedelta(minutes=2)
    async with Engine(package=package, max_workers=3, budget=1.0, timeout=timeout) as engine:
        async for progress in engine.map(worker, [Task(data=number) for number in range(6)]):
            print("progress=", progress)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

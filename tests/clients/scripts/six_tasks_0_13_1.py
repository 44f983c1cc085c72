"""Six small tasks with files, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import os
import sys
from datetime import timedelta

from yapapi import Golem, Task
from yapapi.log import enable_default_logger
from yapapi.payload import vm

JOIN = "cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin; echo done-{}"


async def worker(context, tasks):
    script = context.new_script(timeout=timedelta(minutes=1))
    script.upload_file("common.bin", "/golem/resource/common.bin")
    async for task in tasks:
        script.upload_json({"number": task.data}, "/golem/work/params.json")
        joined = script.run("/bin/sh", "-c", JOIN.format(task.data))
        script.download_file("/golem/output/joined.bin", f"joined_{task.data}.bin")
        yield script
        task.accept_result((await joined).stdout.strip())
        script = context.new_script(timeout=timedelta(minutes=1))


async def main(image_hash: str):
    payload = await vm.repo(
        image_hash=image_hash,
        repository_url=os.environ["GOLEM_REGISTRY_URL"],
        min_mem_gib=0.1,
        min_storage_gib=0.1,
    )
    tasks = [Task(number) for number in range(6)]
    async with Golem(budget=1.0) as golem:
        async for task in golem.execute_tasks(
            worker, tasks, payload, max_workers=2, timeout=timedelta(minutes=2)
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

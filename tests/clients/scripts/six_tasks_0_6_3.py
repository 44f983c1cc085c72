"""Six small tasks with files, for yapapi 0.6.3. Arguments: the image's hash, the subnet."""

import asyncio
import sys
from datetime import timedelta

from yapapi import Golem, Task
from yapapi.log import enable_default_logger
from yapapi.payload import vm

JOIN = "cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin; echo done-{}"


async def worker(context, tasks):
    context.send_file("common.bin", "/golem/resource/common.bin")
    async for task in tasks:
        context.send_json("/golem/work/params.json", {"number": task.data})
        context.run("/bin/sh", "-c", JOIN.format(task.data))
        context.download_file("/golem/output/joined.bin", f"joined_{task.data}.bin")
        finished = yield context.commit(timeout=timedelta(minutes=1))
        *_, joined, _ = await finished
        task.accept_result(joined.stdout.strip())


async def main(image_hash: str, subnet: str):
    payload = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=0.1)
    # The platform that this version would choose by itself has been switched off since.
    async with Golem(budget=1.0, subnet_tag=subnet, driver="erc20", network="holesky") as golem:
        async for task in golem.execute_tasks(
            worker,
            [Task(number) for number in range(6)],
            payload,
            max_workers=2,
            timeout=timedelta(minutes=2),
        ):
            print("result", task.data, task.result)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main(*sys.argv[1:]))

"""The smallest job: four greetings, each counted by a stranger's machine.

Needs a running network and the small image; `make demo` shows both, or by hand:

    eval "$(golem local env)"
    python hello.py IMAGE_HASH
"""

import asyncio
import sys
from datetime import timedelta

from yapapi.runner import Engine, GolemError, Task, vm
from yapapi.runner.ctx import WorkContext


async def worker(ctx: WorkContext, tasks):
    async for task in tasks:
        ctx.send_bytes("/golem/work/in.txt", f"hello, {task.data}\n".encode())
        ctx.run("/bin/sh", "-c", "wc -c < /golem/work/in.txt")
        [_, counted] = yield ctx.commit()
        task.accept_task(result=int(counted.stdout))


async def main(image_hash: str) -> None:
    package = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=0.1)
    tasks = [Task(data=name) for name in ("world", "stranger", "provider", "network")]
    async with Engine(package=package, max_workers=4, budget=1.0, timeout=timedelta(minutes=2)) as engine:
        async for task in engine.map(worker, tasks):
            print(f"hello, {task.data}: {task.result} bytes, counted by {task.provider_name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: hello.py SHA3, which is what `gvmkit-build` prints of an image")
    try:
        asyncio.run(main(sys.argv[1]))
    except GolemError as error:
        sys.exit("\n".join(error.lines()))

"""The job that is measured: trivial tasks in the small image. Prints JSON.

Usage: trivial.py IMAGE_HASH TASKS BYTES WORKERS
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

STARTED = time.time()

from yapapi.runner import Engine, Task, vm  # noqa: E402 (the import is part of what is measured)
from yapapi.runner.ctx import WorkContext  # noqa: E402


async def main(folder: Path, image_hash: str, count: int, size: int, workers: int) -> None:
    content = os.urandom(size)

    async def worker(ctx: WorkContext, tasks):
        async for task in tasks:
            target = folder / f"{task.data}.out"
            if size:
                ctx.send_bytes("/golem/work/in", task.data.to_bytes(4, "big") + content)
                ctx.run("/bin/cp", "/golem/work/in", "/golem/work/out")
                ctx.download_file("/golem/work/out", target)
            else:
                ctx.run("/bin/true")
            yield ctx.commit()
            if size and target.stat().st_size != size + 4:
                raise SystemExit(f"task {task.data} brought a wrong file")
            task.accept_task()

    package = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=0.1)
    done: list[float] = []
    async with Engine(
        package=package,
        max_workers=workers,
        budget=5.0,
        timeout=timedelta(minutes=3),
        event_consumer=lambda event: None,
    ) as engine:
        async for _ in engine.map(worker, [Task(data=number) for number in range(count)]):
            done.append(time.time())
    report = {"started": STARTED, "first": done[0], "last": done[-1], "end": time.time(), "tasks": len(done)}
    print(json.dumps(report))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="golem-bench-") as name:
        asyncio.run(main(Path(name), sys.argv[1], *(int(each) for each in sys.argv[2:5])))

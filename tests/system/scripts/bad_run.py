"""One task for a worker that goes wrong, in the form of the tutorial's script. Arguments: worker, JSON."""

import asyncio
import json
import sys
from datetime import timedelta

from yapapi.runner import Engine, GolemError, Task, vm


async def good(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/true")
        yield ctx.commit()
        task.accept_task()


async def sleeps(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/sleep", "60")
        yield ctx.commit()
        task.accept_task()


async def fails(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/sh", "-c", "echo frame 7 of 10; echo cannot open scene.blend >&2; exit 3")
        yield ctx.commit()
        task.accept_task()


async def runs_what_is_not_there(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/blender", "-b")
        yield ctx.commit()
        task.accept_task()


async def fills_the_disk(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/sh", "-c", "dd if=/dev/zero of=/golem/output/big bs=1M count=300 2>/dev/null")
        yield ctx.commit()
        task.accept_task()


async def fetches_what_is_not_there(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/true")
        ctx.download_file("/golem/output/out0007.png", "output_7.png")
        yield ctx.commit()
        task.accept_task()


async def sends_what_is_not_there(ctx, tasks):
    ctx.send_file("./cubes.blend", "/golem/resource/scene.blend")
    async for task in tasks:
        yield ctx.commit()
        task.accept_task()


async def fails_before_its_first_task(ctx, tasks):
    ctx.run("/bin/false")
    yield ctx.commit()
    async for task in tasks:
        task.accept_task()


async def asks_for_no_task(ctx, tasks):
    ctx.run("/bin/true")
    yield ctx.commit()


async def never_yields(ctx, tasks):
    async for task in tasks:
        ctx.commit()
        task.accept_task()


def is_not_asynchronous(ctx, tasks):
    for _ in tasks:
        yield ctx.commit()


async def yields_text(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/true")
        yield "/bin/true"
        task.accept_task()


async def yields_nothing(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/true")
        yield
        task.accept_task()


async def raises(ctx, tasks):
    async for task in tasks:
        yield ctx.commit()
        task.accept_task(result={}["frame"])


async def rejects(ctx, tasks):
    async for task in tasks:
        ctx.run("/bin/true")
        yield ctx.commit()
        task.reject_task("the picture is black")


async def main(worker, image_hash, min_storage_gib=0.05, timeout=40, **arguments):
    package = await vm.repo(image_hash=image_hash, min_mem_gib=0.1, min_storage_gib=min_storage_gib)
    async with Engine(
        **{"package": package, "budget": 1.0, "timeout": timedelta(seconds=timeout), **arguments}
    ) as engine:
        async for progress in engine.map(worker, [Task(data=7)]):
            print("progress=", progress)


if __name__ == "__main__":
    try:
        asyncio.run(main(globals()[sys.argv[1]], **json.loads(sys.argv[2])))
    except GolemError as error:
        print(error)
        sys.exit(1)

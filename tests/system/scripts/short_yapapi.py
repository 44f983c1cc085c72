"""The short ways in, and a worker beside them, on the Golem of yapapi; what they cost is one budget's."""

import asyncio
from collections import Counter

from yapapi import Golem, Task
from yapapi.payload import vm

events = Counter()


def square(number: int) -> int:
    return number * number


async def worker(ctx, tasks):
    async for task in tasks:
        script = ctx.new_script()
        said = script.run("/bin/echo", task.data)
        yield script
        task.accept_result((await said).stdout.strip())


async def main():
    async with Golem(budget=1.0, event_consumer=lambda event: events.update([type(event).__name__])) as golem:
        async for result in golem.map(square, range(6), workers=2, retries=3):
            print("mapped", result)
        print("submitted", await golem.submit(pow, 2, 10))
        print("ran", (await golem.run("echo $((6 * 7))", image="small")).stdout.strip())
        found = await vm.repo(image_tag="me/small", min_mem_gib=0.1, min_storage_gib=0.1)
        async for task in golem.execute_tasks(worker, [Task("worked")], payload=found, max_workers=1):
            print(task.result)
    # one for each image and number of workers, and that of the tasks
    print("jobs", events["JobStarted"], events["JobFinished"])
    print("invoices", events["InvoiceAccepted"] == events["AgreementConfirmed"] > 0)


if __name__ == "__main__":
    asyncio.run(main())

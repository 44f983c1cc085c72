"""Twelve calls of a second each at three providers; a line for each result, and the report at the end."""

import asyncio
import json
from datetime import timedelta

from golemnet import Golem
from golemnet.requestor.summary import printer


def slow_square(number: int) -> int:
    import subprocess

    subprocess.run(["sleep", "1"], check=True)
    return number * number


async def main() -> None:
    timeout = timedelta(minutes=2)
    async with Golem(1.0, workers=3, timeout=timeout, event_consumer=printer(print)) as golem:
        async for result in golem.map(slow_square, range(12)):
            print("result", result)
        report = golem.report()
    print("report", json.dumps({line.provider: line.tasks for line in report.providers}))


if __name__ == "__main__":
    asyncio.run(main())

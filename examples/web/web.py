"""A web service at two machines, behind one address of this one; a third machine when there is more to do.

    eval "$(golem local env)"
    python web.py

The same without Python, until Ctrl-C: golem serve --port 8000 -n 2 -f factors.py -- python3 factors.py
"""

import asyncio
from pathlib import Path

import aiohttp

from golemnet import Golem, http

SERVER = Path(__file__).parent / "factors.py"


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> str:
    async with session.get(f"{url}/{number}") as answer:
        return await answer.text()


async def main() -> None:
    numbers = range(10**12, 10**12 + 30)
    async with (
        Golem(budget=1.0) as golem,
        golem.service(
            ["python3", "factors.py"], files=[SERVER], port=8000, instances=2, healthy=http("/1")
        ) as service,
        aiohttp.ClientSession() as session,
    ):
        print(f"{service.url} leads to {', '.join(str(each.provider_name) for each in service.instances)}")
        await service.scale(3)
        answers = await asyncio.gather(*(ask(session, service.url, number) for number in numbers))
    for number, answer in zip(numbers, answers, strict=True):
        print(number, "=", answer.replace(" ", " * "))


if __name__ == "__main__":
    asyncio.run(main())

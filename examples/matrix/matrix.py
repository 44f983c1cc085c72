"""A test matrix: every script under every image, each pair in a container of its own.

eval "$(golem local env)"
python matrix.py *.sh            # in the images small (busybox) and python (Debian)
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from golemnet import Golem
from golemnet.sdk.commands import Finished

IMAGES = ("small", "python")


async def tested(golem: Golem, image: str, scripts: list[Path]) -> list[bool]:
    """Which scripts end with status 0 in this image."""
    results = golem.map(
        "sh {}", scripts, image=image, return_exceptions=True, timeout=timedelta(minutes=1), output="made"
    )
    return [isinstance(each, Finished) async for each in results]


async def main(scripts: list[Path]) -> bool:
    async with Golem(budget=1.0, workers=2) as golem:
        columns = await asyncio.gather(*(tested(golem, image, scripts) for image in IMAGES))
    print(f"{'':24}", *(f"{image:8}" for image in IMAGES))
    for script, row in zip(scripts, zip(*columns, strict=True), strict=True):
        print(f"{script.name:24}", *(f"{'ok' if passed else 'FAILED':8}" for passed in row))
    return all(all(column) for column in columns)


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]] or sorted(Path().glob("*.sh"))
    sys.exit(0 if asyncio.run(main(given)) else 1)

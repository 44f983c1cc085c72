"""Pi, by throwing darts on other people's machines.

eval "$(golem local env)"
python pi.py
"""

import asyncio
import sys

from golemnet import Golem

DARTS = 2_000_000


def hits(seed: int) -> int:
    """How many darts of this seed fall into the circle. It runs in a container, with numpy."""
    import numpy

    darts = numpy.random.default_rng(seed).random((DARTS, 2))
    return int((numpy.square(darts).sum(axis=1) <= 1).sum())


async def main(throws: int) -> None:
    async with Golem(budget=1.0, workers=3) as golem:
        print(f"about {(await golem.estimate(throws, seconds=0.2)).cost:.6f} GLM")
        total = 0
        async for found in golem.map(hits, range(throws), ordered=False):
            total += found
        print(f"pi is about {4 * total / (throws * DARTS):.4f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))

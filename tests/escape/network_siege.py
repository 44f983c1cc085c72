"""An activity that attacks by the networks that it was given: the internet by a manifest, and a private one.

``python network_siege.py DRIVER CONTEXT`` runs as an ExeUnit does, in a network of its own that stands for
the provider's, and prints what came through, by attempt.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacker import LIMITS, WAIT_S, Siege, image, store
from msgspec.structs import replace
from network_attempts import FILES
from nodes import GREETING, Nodes
from siege import late
from world import World, own_network

from golemnet.exeunit.volumes import Volumes
from golemnet.exeunit.way_out import RESOLVER_FILE, RESOLVER_TEXT, WayOut
from golemnet.model.manifest import Outbound
from golemnet.runtime import cage
from golemnet.runtime.removal import remove_tree
from golemnet.runtime.selection import make_driver

MOST_GROWN_KIB = 96 * 1024


class Surroundings:
    """What is around an attacker who has networks."""

    def __init__(self) -> None:
        self.world, self.nodes = World(), Nodes()

    async def let_in(self, siege: Siege, stack: AsyncExitStack) -> None:
        """Deploy the attacker in a private network, and with a way out; all of it ends with ``stack``."""
        await self.world.start()
        await self.nodes.start()
        given = replace(image(siege.context), files={RESOLVER_FILE: RESOLVER_TEXT})
        stack.push_async_callback(siege.driver.stop)
        siege.deployed = await siege.driver.deploy(given, LIMITS, {})
        siege.volumes = Volumes(siege.deployed)
        await siege.driver.start()
        network = await siege.driver.network_namespace()
        stack.push_async_callback((await self.nodes.join(network)).leave)
        way = WayOut(self.world.check, self.world.resolve)
        stack.push_async_callback(way.close)
        await way.open(network, Outbound(tuple(f"http://{name}" for name in self.world.names)))

    async def attacked(
        self, siege: Siege, files: Sequence[str], names: Sequence[str] = ()
    ) -> dict[str, str | None]:
        """All attempts from inside, and what the world and the nodes say of them."""
        before, used = peak_kib(), time.process_time()
        found = await siege.attempts(files, {**self.world.context(), "greeting": GREETING}, names)
        print(f"{time.process_time() - used:.1f} s of the provider's processor", file=sys.stderr)
        found["fill_the_provider_s_memory"] = much(peak_kib() - before)
        found["harm_the_world"] = "; ".join(self.world.harm()) or None
        found["harm_other_nodes"] = "; ".join(self.nodes.harm()) or None
        return found


async def besiege(driver: str, context: dict) -> dict[str, str | None]:
    """All attempts in one activity."""
    siege = Siege(make_driver(driver, context["containers"][0], Path(context["home"]) / "attacker"), context)
    surroundings = Surroundings()
    async with AsyncExitStack() as stack:
        await surroundings.let_in(siege, stack)
        found = await surroundings.attacked(siege, FILES)
        started = time.monotonic()
    found["delay_the_end"] = late(time.monotonic() - started)
    remove_tree(store(context).parent)
    return found


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def much(grown_kib: int) -> str | None:
    return f"{grown_kib >> 10} MiB were taken" if grown_kib > MOST_GROWN_KIB else None


def main(arguments: Sequence[str]) -> None:
    """Attack, and print what came through."""
    driver, context = arguments[0], json.loads(arguments[1])
    own_network()
    if driver != "bwrap":
        cage.enter()
    print(json.dumps(asyncio.run(asyncio.wait_for(besiege(driver, context), 4 * WAIT_S))))


if __name__ == "__main__":
    main(sys.argv[1:])

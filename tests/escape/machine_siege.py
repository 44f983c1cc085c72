"""An attacker who has a virtual machine and networks: ``python machine_siege.py DRIVER CONTEXT``.

It runs as an ExeUnit does, in a network of its own that stands for the provider's, boots one machine, and
prints what came through, by attempt.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacker import LIMITS, PYTHON, Siege
from guest_attempts import FILES, NAMES
from network_siege import Surroundings
from siege import late
from world import OURS, own_network

from golemnet.runtime import cage
from golemnet.runtime.errors import RuntimeFailure
from golemnet.runtime.selection import make_driver
from golemnet.runtime.vm.driver import VmDriver

MOST_GROWN_KIB = 64 * 1024
PLANTED = ("link0", "link1", "link2", "link3", "pipe", "device0", "device1", "folder/planted")
NONSENSE = "import sys; sys.path.insert(0, '/golem/work'); import attempts_of_a_guest as a; a.{}()"
PATIENCE_S = 30.0  # emulated machines are slow


async def besiege(driver: str, context: dict) -> dict[str, str | None]:
    """One machine, from inside and from outside."""
    siege = Siege(make_driver(driver, context["containers"][0], Path(context["home"]) / "attacker"), context)
    surroundings = Surroundings()
    async with AsyncExitStack() as stack:
        await surroundings.let_in(siege, stack)
        context |= known(surroundings)
        found = await surroundings.attacked(siege, FILES, NAMES)
        found["be_followed_by_transfers"] = await followed(siege)
        found["leave_more_than_files"] = left_in_volumes(siege)
        found["fill_the_host_by_the_console"] = filled(siege)
        found["lie_to_the_host"] = await lied(siege)
        found["be_gone"] = await gone(siege)
        started = time.monotonic()
    found["delay_the_end"] = late(time.monotonic() - started)
    return found


def known(surroundings: Surroundings) -> dict[str, object]:
    """Where the provider's daemon is in this network, and how the attacker's own device is called."""
    daemon = int(surroundings.nodes.url.rpartition(":")[2])
    return {"daemon_port": daemon, "addresses": ["127.0.0.1", *OURS], "device": "eth0"}


async def followed(siege: Siege) -> str | None:
    """What transfers get by way of what was planted."""
    texts = [await siege.read(f"/golem/work/{name}") for name in PLANTED]
    await siege.write("/golem/work/folder/planted")
    await siege.write("/golem/work/link0")
    return next((text for text in texts if text is not None), None)


def left_in_volumes(siege: Siege) -> str | None:
    """Files of the host that are devices, or that would run with rights."""
    odd = []
    for volume in siege.deployed:
        for place, _, names in os.walk(volume.directory):
            for name in names:
                file = os.lstat(f"{place}/{name}")
                is_device = stat.S_ISBLK(file.st_mode) or stat.S_ISCHR(file.st_mode)
                has_rights = file.st_uid == 0 or "security.capability" in os.listxattr(
                    f"{place}/{name}", follow_symlinks=False
                )
                odd += [name] if is_device or has_rights else []
    return ", ".join(odd) or None


def filled(siege: Siege) -> str | None:
    size = next((Path(siege.context["home"]) / "attacker").glob("**/console")).stat().st_size
    print(f"{size} bytes on the console", file=sys.stderr)
    return f"{size >> 20} MiB" if size > LIMITS.storage_bytes else None


async def lied(siege: Siege) -> str | None:
    """Whatever the machine says, the host's memory and the bill stay bounded, and no order hangs."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process = await siege.driver.run(PYTHON, ["-c", NONSENSE.format("say_nonsense")])
    await asyncio.wait_for(asyncio.gather(process.stdout.read(), process.wait()), PATIENCE_S)
    usage = await asyncio.wait_for(siege.driver.usage(), PATIENCE_S)
    print(f"{usage.cpu_sec:.1f} s of processor", file=sys.stderr)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if usage.memory_peak_bytes > LIMITS.memory_bytes:
        return f"{usage} would be billed"
    return f"{grown >> 10} MiB were taken" if grown > MOST_GROWN_KIB else None


async def gone(siege: Siege) -> str | None:
    """A machine that switches itself off is noticed: by its commands, and by whoever wants to run another."""
    driver = siege.driver
    assert isinstance(driver, VmDriver)
    assert driver._machine is not None
    process = await driver.run(PYTHON, ["-c", NONSENSE.format("switch_off")])
    await asyncio.wait_for(asyncio.gather(process.wait(), driver._machine.wait()), PATIENCE_S)
    try:
        await driver.run(PYTHON, [])
    except RuntimeFailure:
        return None
    return "commands run in a machine that is off"


def main(arguments: Sequence[str]) -> None:
    """Attack, and print what came through."""
    driver, context = arguments[0], json.loads(arguments[1])
    own_network()
    cage.enter()
    print(json.dumps(asyncio.run(besiege(driver, context))))


if __name__ == "__main__":
    main(sys.argv[1:])

"""An activity that attacks: the attempts from inside, through transfers, and by using up what there is.

``python siege.py DRIVER CONTEXT`` runs as an ExeUnit does and prints what came through, by attempt. A
neighbour, another activity with a secret, runs beside it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  what is imported late cannot be read by another user
import ctypes
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pyseccomp  # noqa: F401
import ways_of_exhaustion  # noqa: F401
import ways_through_transfers  # noqa: F401
import ways_to_shared_files  # noqa: F401
from attacker import LIMITS, PYTHON, WAIT_S, WAYS, Siege, image, store
from attempts import FILES

from golemnet.runtime import cage
from golemnet.runtime.driver import Driver
from golemnet.runtime.removal import remove_tree
from golemnet.runtime.selection import make_driver
from golemnet.runtime.unpacked import discard

NOBODY = 61_234
PR_SET_DUMPABLE = 4
LAST = "outlive_the_activity"  # no command runs where files cannot be counted
NEIGHBOUR = """
import socket, sys, time
by_path, by_port = socket.socket(socket.AF_UNIX), socket.socket()
by_path.bind("\\0" + sys.argv[1]), by_port.bind(("127.0.0.1", int(sys.argv[2])))
by_path.listen(), by_port.listen()
open("/golem/work/" + sys.argv[3], "w").write("secret")
print("up", flush=True)
time.sleep(600)
"""


async def besiege(driver: str, context: dict) -> dict[str, str | None]:
    names, home = context["containers"], Path(context["home"])
    neighbour = make_driver(driver, names[1], home / "neighbour")
    siege = Siege(make_driver(driver, names[0], home / "attacker"), context, neighbour)
    found: dict[str, str | None] = {}
    try:
        await settle_the_neighbour(neighbour, context)
        await siege.deploy()
        await siege.join_a_private_network()
        found |= await siege.attempts(FILES, {})
        for name in sorted(WAYS, key=lambda name: name == LAST):
            started = time.monotonic()
            found[name] = await exhausted(siege) or await WAYS[name](siege)
            print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    finally:
        started = time.monotonic()
        await asyncio.gather(siege.driver.stop(), neighbour.stop())
        found["delay_the_end"] = late(time.monotonic() - started)
        found["hold_the_shared_files"] = None if discard(store(context)) else "they are in use"
        remove_tree(store(context).parent)
    return found


async def exhausted(siege: Siege) -> str | None:
    """An environment that nothing runs in any more would hold every further attempt."""
    return None if await siege.python("print('alive')") == "alive\n" else "nothing runs any more"


def late(seconds: float) -> str | None:
    return f"the end took {seconds:.1f} s" if seconds > WAIT_S else None


async def settle_the_neighbour(neighbour: Driver, context: dict) -> None:
    await neighbour.deploy(image(context), LIMITS, {})
    await neighbour.start()
    names = (context["neighbour_socket"], str(context["neighbour_port"]), context["secret_name"])
    process = await neighbour.run(PYTHON, ["-c", NEIGHBOUR, *names])
    assert await asyncio.wait_for(process.stdout.readline(), WAIT_S) == b"up\n"


def be_nobody(home: Path) -> None:
    """Go on as a user without rights, as who runs a provider without root."""
    os.chown(home, NOBODY, NOBODY)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    # as everybody's own programs have it
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def main(arguments: Sequence[str]) -> None:
    """Attack, and print what came through."""
    driver, context = arguments[0], json.loads(arguments[1])
    if driver != "bwrap":
        cage.enter()
    elif os.geteuid() == 0:
        be_nobody(Path(context["home"]))
    print(json.dumps(asyncio.run(besiege(driver, context))))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Every behaviour of a module on one tier, in a process as an ExeUnit is one.

``python conformer.py DRIVER HOME IMAGES MODULE`` prints, by behaviour, what went wrong; None if nothing did.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  what is imported late cannot be read by another user
import ctypes
import encodings.cp437
import encodings.idna  # noqa: F401
import gzip  # noqa: F401
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pyseccomp  # noqa: F401
from ground import ALONE, BEHAVIOURS, Behaviour, Ground, Shelf

from golemnet.runtime import cage
from golemnet.runtime.selection import make_driver

NOBODY = 61_235
PR_SET_DUMPABLE = 4


async def conform(driver: str, home: Path, images: Path, kind: type[Ground]) -> dict[str, str | None]:
    """All behaviours in one activity, then its end."""
    shelf = Shelf()
    url = await shelf.start()
    name = driver.removesuffix(ALONE)
    made = make_driver(name, f"conformance-{os.getpid()}-{time.time_ns()}", home / "activity")
    ground = kind(made, images, shelf, url, is_alone=driver != name)
    try:
        found = {"it_comes_up": await attempt(lambda ground: ground.begin(), ground)}
        for name, check in BEHAVIOURS.items() if found["it_comes_up"] is None else ():
            found[name] = await attempt(check, ground)
        found["it_ends"] = await attempt(lambda ground: end(ground, home), ground)
        return found
    finally:
        await ground.leave()
        await made.stop()
        await shelf.stop()


async def attempt(check: Behaviour, ground: Ground) -> str | None:
    """What is wrong."""
    started = time.monotonic()
    try:
        await check(ground)
    except Exception:
        return traceback.format_exc()[-2000:]
    finally:
        print(f"{time.monotonic() - started:.2f} s {getattr(check, '__name__', '')}", file=sys.stderr)
    return None


async def end(ground: Ground, home: Path) -> None:
    """With something running; usage can be read afterwards, and nothing is left."""
    running = await ground.driver.run("/bin/sleep", ["1000"])
    before = await ground.driver.usage()
    await ground.leave()
    await ground.driver.stop()
    assert await asyncio.wait_for(running.wait(), 5) != 0
    assert (await ground.driver.usage()).cpu_sec >= before.cpu_sec > 0
    await ground.driver.stop()
    assert list(home.iterdir()) == []


def be_nobody(home: Path) -> None:
    """Go on as who runs a provider without root."""
    os.chown(home, NOBODY, NOBODY)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    # as everybody's own programs have it
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def main(arguments: Sequence[str]) -> None:
    driver, home, images = arguments[0], Path(arguments[1]), Path(arguments[2])
    module = importlib.import_module(arguments[3])
    if not driver.startswith("bwrap") and os.geteuid() == 0:
        cage.enter()
    elif os.geteuid() == 0 and not module.NEEDS_DEVICES:
        be_nobody(home)
    print(json.dumps(asyncio.run(conform(driver, home, images, module.GROUND))))


if __name__ == "__main__":
    main(sys.argv[1:])

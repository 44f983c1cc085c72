"""What an activity costs on the provider's machine, below the daemon: ``python benchmarks/activity.py``.

For each driver that works here: from an image in the cache to the end of the first command, also of a large
image, one command more, many activities at once, and what a sequence leaves behind; ``--long`` makes it a
sequence of hundreds. Each driver is measured in a process of its own, as an ExeUnit is one. Times of a busy
machine say little, so the processor time of a start is shown, too.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from images import cache_directory, small_image
from promises import Promise, at_most, finish, shown

from golemnet.image.recipe import cached_image
from golemnet.runtime import cage
from golemnet.runtime.driver import Driver, Image, Limits
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.selection import AS_ROOT, AS_USER, make_driver

STARTS = 15
COMMANDS = 50
AT_ONCE = 50
LONG = "--long"
IN_SEQUENCE, IN_LONG_SEQUENCE = 40, 400
TIMEOUT_S = 600
LIMITS = Limits(memory_bytes=64 << 20, storage_bytes=64 << 20, cpu_cores=1.0, processes=64)
LARGE_MIB = 388
QUIETLY = ("-quiet", "-no-progress", "-no-recovery")
COLD, FIRST, LARGE, COST, COMMAND, MANY, LEFT, GROWTH = (
    "cold start to the end of the first command",
    f"the first of an image of {LARGE_MIB} MB",
    f"the next of {LARGE_MIB} MB, of that of the small image",
    "processor time of a start and its end",
    "one command",
    f"{AT_ONCE} at once",
    "left open",
    "growth of memory in sequence",
)
UNITS = {
    COLD: "ms",
    FIRST: "s",
    LARGE: "times",
    COST: "ms",
    COMMAND: "ms",
    MANY: "s",
    LEFT: "files",
    GROWTH: "MiB",
}
# The most that the project promises, by driver.
LIMITS_OF = {
    "crun": {COLD: 80.0, LARGE: 1.25, COMMAND: 10.0, LEFT: 0.0, GROWTH: 2.0},
    "runc": {LEFT: 0.0, GROWTH: 2.0},
    "bwrap": {COLD: 30.0, LARGE: 1.25, COMMAND: 10.0, LEFT: 0.0, GROWTH: 2.0},
}


def main() -> None:
    """Measure what works here, and print."""
    if len(sys.argv) > 4:
        measure_here(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        return
    in_sequence = IN_LONG_SEQUENCE if LONG in sys.argv else IN_SEQUENCE
    image = cached_image(small_image(), cache_directory()).image
    drivers = (*AS_ROOT, *AS_USER) if os.geteuid() == 0 else AS_USER
    with tempfile.TemporaryDirectory(prefix="golem-bench-") as folder:
        large = make_large(image, Path(folder))
        found = {name: measure(name, image, large, in_sequence) for name in drivers}
    measured = {name: figures for name, figures in found.items() if figures}
    finish(
        {f"{name}: {what}": promise(name, what) for name in measured for what in UNITS},
        {f"{name}: {what}": figure for name, figures in measured.items() for what, figure in figures.items()},
    )


def make_large(small: Path, folder: Path) -> Path:
    """The small image, and in it what cannot be packed any tighter."""
    content, image = folder / "content", Path(shutil.copy(small, folder / "large"))
    with content.open("wb") as file:
        for _ in range(LARGE_MIB):
            file.write(os.urandom(1 << 20))
    subprocess.run(["mksquashfs", content, image, *QUIETLY], check=True, stdout=subprocess.DEVNULL)
    content.unlink()
    return image


def measure(driver: str, image: Path, large: Path, in_sequence: int) -> dict[str, float] | None:
    """The figures of a driver, by what they are; None if it does not work here."""
    command = [sys.executable, __file__, driver, str(image), str(large), str(in_sequence)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def promise(driver: str, what: str) -> Promise:
    """What is promised of one figure of a driver."""
    limit = LIMITS_OF.get(driver, {}).get(what)
    return shown(UNITS[what]) if limit is None else at_most(limit, UNITS[what])


def measure_here(driver: str, image: Path, large: Path, in_sequence: int) -> None:
    """Measure in this process, which goes into a cage; print JSON."""
    if driver in AS_ROOT:
        cage.enter()
    with tempfile.TemporaryDirectory(prefix="golem-bench-") as folder:
        try:
            figures = asyncio.run(_figures(driver, image, large, Path(folder), in_sequence))
        except NoRuntime as error:
            print(error, file=sys.stderr)
            sys.exit(2)
    print(json.dumps(figures))


async def _figures(driver: str, small: Path, large: Path, folder: Path, in_sequence: int) -> dict[str, float]:
    place = folder / "unpacked"
    image, other = (
        Image(each, volumes=["/golem/work"], unpacked=place / each.name) for each in (small, large)
    )
    await _cold_start(driver, image, folder / "warm")
    first = await _cold_start(driver, other, folder / "warm")
    before, processor_before = _open_files(), _processor_s()
    colds, larges = [], []
    for number in range(STARTS):
        colds.append(await _cold_start(driver, image, folder / f"cold-{number}"))
        larges.append(await _cold_start(driver, other, folder / f"large-{number}"))
    processor = _processor_s() - processor_before
    commands = await _commands(driver, image, folder / "commands")
    started = time.monotonic()
    await asyncio.gather(*(_cold_start(driver, image, folder / f"many-{n}") for n in range(AT_ONCE)))
    many = time.monotonic() - started
    # what came before has warmed the process up
    growth = await _growth(driver, image, folder, in_sequence)
    return {
        COLD: median(colds) * 1000,
        FIRST: first,
        LARGE: median(larges) / median(colds),
        COST: processor / (2 * STARTS) * 1000,
        COMMAND: median(commands) * 1000,
        MANY: many,
        LEFT: float(_open_files() - before + len(set(folder.iterdir()) - {place})),
        GROWTH: growth,
    }


async def _cold_start(driver: str, image: Image, folder: Path) -> float:
    """Seconds from nothing to the end of the first command; then it is removed."""
    started = time.monotonic()
    environment = make_driver(driver, f"bench-{os.getpid()}-{folder.name}", folder)
    try:
        await environment.deploy(image, LIMITS, {})
        await environment.start()
        await _run(environment)
        return time.monotonic() - started
    finally:
        await environment.stop()


async def _commands(driver: str, image: Image, folder: Path) -> list[float]:
    environment = make_driver(driver, f"bench-{os.getpid()}-{folder.name}", folder)
    try:
        await environment.deploy(image, LIMITS, {})
        await environment.start()
        return [await _run(environment) for _ in range(COMMANDS)]
    finally:
        await environment.stop()


async def _growth(driver: str, image: Image, folder: Path, in_sequence: int) -> float:
    """MiB of memory that this process takes more after that many activities."""
    before = _resident_mib()
    for number in range(in_sequence):
        await _cold_start(driver, image, folder / f"next-{number}")
    return _resident_mib() - before


async def _run(environment: Driver) -> float:
    started = time.monotonic()
    process = await environment.run("/bin/true", [])
    _, errors, code = await asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait())
    if code != 0:
        raise SystemExit(f"/bin/true ended with {code}: {errors.decode(errors='replace')}")
    return time.monotonic() - started


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _processor_s() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    main()

"""An activity that attacks: the attempts from inside, through transfers, and by using up what there is.

``python siege.py DRIVER CONTEXT`` runs as an ExeUnit does and prints what came through, by attempt. A
neighbour, another activity with a secret, runs beside it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401  what is imported late cannot be read by another user
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bombs
import pyseccomp  # noqa: F401
from attempts import FILES

from golemnet.exeunit.capture import CapturePlan
from golemnet.exeunit.errors import TransferFailed
from golemnet.exeunit.locations import Inside, parse_location
from golemnet.exeunit.output import follow
from golemnet.exeunit.volumes import Volumes
from golemnet.runtime import cage
from golemnet.runtime.driver import Driver, Image, Limits
from golemnet.runtime.selection import make_driver

PYTHON = "/usr/bin/python3"
TRANSFERS = 200
WAIT_S = 20.0
LIMITS = Limits(memory_bytes=128 << 20, storage_bytes=64 << 20, cpu_cores=1.0, processes=64)
NOBODY = 61_234
NEIGHBOUR = """
import socket, sys, time
by_path, by_port = socket.socket(socket.AF_UNIX), socket.socket()
by_path.bind("\\0" + sys.argv[1]), by_port.bind(("127.0.0.1", int(sys.argv[2])))
by_path.listen(), by_port.listen()
open("/golem/work/" + sys.argv[3], "w").write("secret")
print("up", flush=True)
time.sleep(600)
"""
FLIP = """
import os, sys
inner, link = "/golem/work/inner", "/golem/work/outer"
os.makedirs(inner), os.symlink(sys.argv[1], link)
open(inner + "/" + sys.argv[2], "w").write("mine")
print("up", flush=True)
while True:
    for place in (inner, link):
        os.rename(place, "/golem/work/race")
        os.rename("/golem/work/race", place)
"""

Way = Callable[["Siege"], Awaitable[str | None]]
WAYS: dict[str, Way] = {}


def way(attempt: Way) -> Way:
    """An attempt from outside or by exhaustion; it returns what came through."""
    WAYS[attempt.__name__] = attempt
    return attempt


class Siege:
    """One attacking activity, and how it is driven."""

    def __init__(self, driver: Driver, context: dict) -> None:
        self.driver = driver
        self.context = context
        self.home = Path(context["home"])

    async def deploy(self) -> None:
        self.deployed = await self.driver.deploy(image(self.context), LIMITS, {})
        self.volumes = Volumes(self.deployed)
        await self.driver.start()

    async def python(self, program: str, *arguments: str) -> str:
        """What a program prints inside; empty if it is killed."""
        process = await self.driver.run(PYTHON, ["-c", program, *arguments])
        outcome = await follow(process, CapturePlan(), CapturePlan(), lambda _name, _text: None)
        await process.kill()
        if outcome.error_tail and "Killed" not in outcome.error_tail and outcome.code not in (0, 137):
            print(outcome.error_tail, file=sys.stderr)
        return str(outcome.stdout)

    async def read(self, path: str) -> str | None:
        """What a transfer out of the environment gets; None if it is refused."""
        return await asyncio.wait_for(asyncio.to_thread(self._read, path), WAIT_S)

    def _read(self, path: str) -> str | None:
        try:
            location = parse_location(f"container:{path}")
            assert isinstance(location, Inside)
            with self.volumes.open_to_read(location.path) as (file, size):
                return file.read(min(size, 100)).decode(errors="replace")
        except TransferFailed:
            return None

    async def write(self, path: str) -> bool:
        """Whether a transfer into the environment is done."""
        return await asyncio.wait_for(asyncio.to_thread(self._write, path), WAIT_S)

    def _write(self, path: str) -> bool:
        try:
            with self.volumes.open_to_write(path) as file:
                file.write(b"planted")
            return True
        except TransferFailed:
            return False


def image(context: dict) -> Image:
    return Image(Path(context["image"]), volumes=["/golem/work", "/golem/output"])


# -- through transfers -------------------------------------------------------------------------------------


@way
async def read_through_links(siege: Siege) -> str | None:
    targets = [siege.context["host_file"], "../" * 30 + siege.context["host_file"][1:]]
    targets += ["/proc/self/root" + siege.context["host_file"], "/proc/self/environ", "/proc/self/fd/0"]
    await siege.python(
        "import os, sys\nfor n, to in enumerate(sys.argv[1:]): os.symlink(to, f'/golem/work/l{n}')", *targets
    )
    found = [await siege.read(f"/golem/work/l{number}") for number in range(len(targets))]
    return next(filter(None, found), None)


@way
async def write_through_links(siege: Siege) -> str | None:
    link = "import os, sys; os.symlink(sys.argv[1], sys.argv[2])"
    await siege.python(link, str(siege.home), "/golem/work/to")
    await siege.python(link, siege.context["host_file"], "/golem/work/over")
    await siege.write("/golem/work/to/planted")
    await siege.write("/golem/work/over")
    return changed_outside(siege)


def changed_outside(siege: Siege) -> str | None:
    if (siege.home / "planted").exists():
        return "a file was planted beside the volume"
    text = Path(siege.context["host_file"]).read_text()
    return None if text == siege.context["secret"] else f"the host's file now holds {text[:100]}"


@way
async def swap_a_folder_for_a_link_while_it_is_used(siege: Siege) -> str | None:
    """The folder of a path is a link to the host's every other moment."""
    name = Path(siege.context["host_file"]).name
    racing = await siege.driver.run(PYTHON, ["-c", FLIP, str(siege.home), name])
    assert await asyncio.wait_for(racing.stdout.readline(), WAIT_S) == b"up\n"
    try:
        for _ in range(TRANSFERS):
            if await siege.read(f"/golem/work/race/{name}") == siege.context["secret"]:
                return "the host's file was read"
            await siege.write("/golem/work/race/planted")
        return changed_outside(siege)
    finally:
        await racing.kill()


@way
async def hand_over_pipes_and_devices(siege: Siege) -> str | None:
    """None of them may be read, or make the host wait."""
    made = await siege.python(bombs.ODD_FILES)
    found = [await siege.read(path) for path in made.split()]
    await siege.write("/golem/work/pipe")
    return next((text for text in found if text is not None), None)


@way
async def name_paths_outside(siege: Siege) -> str | None:
    paths = ["/etc/passwd", "/golem/work/../../etc/passwd", "/golem/work/./../../etc/passwd", "//etc/passwd"]
    paths += [
        "/golem/workshop/x",
        "/golem/work",
        "/golem/work/",
        "/",
        "etc/passwd",
        "/golem/work/\0/etc/passwd",
    ]
    paths += [str(siege.context["host_file"]), "/golem/work/" + "a/" * 3000, "/proc/self/environ"]
    found = [await siege.read(path) for path in paths]
    return next(filter(None, found), None)


@way
async def send_more_than_there_is(siege: Siege) -> str | None:
    """A file without blocks of a size that no disk has."""
    size = await siege.python(bombs.SPARSE)
    read = await siege.read("/golem/work/sparse")
    await siege.python("import os; os.unlink('/golem/work/sparse')")
    return f"a file of {size.strip()} bytes would be sent" if size and read is not None else None


# -- by using things up ------------------------------------------------------------------------------------


@way
async def fork_without_end(siege: Siege) -> str | None:
    count = int(await siege.python(bombs.FORKS) or 0)
    return f"{count} processes" if count > LIMITS.processes else None


@way
async def leave_orphans_without_end(siege: Siege) -> str | None:
    """What has ended must not count for ever; whether anything runs is looked at before each attempt."""
    await siege.python(bombs.ORPHANS)
    return None


@way
async def use_memory_in_one_process(siege: Siege) -> str | None:
    said = await siege.python(bombs.MEMORY, str(4 * LIMITS.memory_bytes))
    return said or None


@way
async def use_memory_in_many_processes(siege: Siege) -> str | None:
    kept = int(await siege.python(bombs.SHARED_OUT_MEMORY, str(LIMITS.memory_bytes // 3), "12") or 0)
    return f"{kept >> 20} MiB are held" if kept > 1.25 * LIMITS.memory_bytes else None


@way
async def use_memory_that_is_no_process(siege: Siege) -> str | None:
    """File systems in memory, and memory that has no name or a number only."""
    kept = int(await siege.python(bombs.HIDDEN_MEMORY, str(4 * LIMITS.memory_bytes)) or 0)
    return f"{kept >> 20} MiB are held" if kept > 1.25 * LIMITS.memory_bytes else None


@way
async def fill_the_disk_with_many_files(siege: Siege) -> str | None:
    kept = int(await siege.python(bombs.DISK, str(32 * LIMITS.storage_bytes)) or 0)
    await siege.python(bombs.TIDY)
    return f"{kept >> 20} MiB are written" if kept > 1.25 * LIMITS.storage_bytes else None


@way
async def fill_the_disk_with_one_file(siege: Siege) -> str | None:
    kept = int(await siege.python(bombs.ONE_FILE, str(3 * LIMITS.storage_bytes)) or 0)
    await siege.python(bombs.TIDY)
    return f"{kept >> 20} MiB are written" if kept > LIMITS.storage_bytes else None


@way
async def make_files_without_end(siege: Siege) -> str | None:
    most = LIMITS.storage_bytes // 1024
    made = int(await siege.python(bombs.INODES, str(2 * most)) or 0)
    await siege.python(bombs.TIDY)
    return f"{made} files" if made >= most else None


@way
async def flood_the_output(siege: Siege) -> str | None:
    before, seen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0

    def emit(_name: str, text: str | list[int]) -> None:
        nonlocal seen
        seen += len(text)

    plan = CapturePlan(stream=True)
    process = await siege.driver.run(PYTHON, ["-c", bombs.OUTPUT])
    outcome = await follow(process, plan, plan, emit)
    await process.kill()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    kept = len(outcome.stdout or "") + len(outcome.stderr or "")
    fine = kept <= 2 * plan.limit and seen <= 2 * plan.limit and grown < 32 * 1024
    return None if fine else f"{kept} bytes kept, {seen} told, {grown} KiB of memory"


@way
async def take_every_processor(siege: Siege) -> str | None:
    used = float(await siege.python(bombs.SPIN) or 0)
    return f"{used:.2f} processors" if used > 1.3 * LIMITS.cpu_cores else None


@way
async def outlive_the_activity(siege: Siege) -> str | None:
    """Processes that ignore signals, and files that are hard to remove; the host looks afterwards."""
    await siege.python(bombs.SURVIVORS)
    await siege.python(bombs.STUBBORN)
    return None


async def besiege(driver: str, context: dict) -> dict[str, str | None]:
    siege = Siege(make_driver(driver, context["containers"][0], Path(context["home"]) / "attacker"), context)
    neighbour = make_driver(driver, context["containers"][1], Path(context["home"]) / "neighbour")
    found: dict[str, str | None] = {}
    try:
        await settle_the_neighbour(neighbour, context)
        await siege.deploy()
        found |= await from_inside(siege)
        for name, attempt in WAYS.items():
            started = time.monotonic()
            found[name] = await exhausted(siege) or await attempt(siege)
            print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    finally:
        started = time.monotonic()
        await asyncio.gather(siege.driver.stop(), neighbour.stop())
        found["delay_the_end"] = late(time.monotonic() - started)
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


async def from_inside(siege: Siege) -> dict[str, str | None]:
    for name in FILES:
        source = Path(__file__).with_name(f"{name}.py").read_bytes()
        with siege.volumes.open_to_write(f"/golem/work/{name}.py") as file:
            file.write(source)
    context = {**siege.context, "memory_bytes": LIMITS.memory_bytes}
    process = await siege.driver.run(PYTHON, ["/golem/work/attempts.py", json.dumps(context)])
    output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
    print(errors.decode(errors="replace"), file=sys.stderr)
    return dict(json.loads(line) for line in output.splitlines())


def be_nobody(home: Path) -> None:
    """Go on as a user without rights, as who runs a provider without root."""
    os.chown(home, NOBODY, NOBODY)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


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

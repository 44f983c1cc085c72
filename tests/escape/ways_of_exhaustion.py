"""Using up what an activity is granted, and what it is not."""

from __future__ import annotations

import resource

import bombs
from attacker import LIMITS, PYTHON, Siege, way

from golemnet.exeunit.capture import CapturePlan
from golemnet.exeunit.output import follow


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
    made = int(await siege.python(bombs.INODES, str(16 * most)) or 0)
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

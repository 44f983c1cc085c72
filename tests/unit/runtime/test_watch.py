"""What bounds a payload where no control group and no quota can: counting, and looking."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from golemnet.runtime.disk_use import INODE_BYTES, MAX_DEPTH, DiskUse, Hidden, disk_use, unlock
from golemnet.runtime.driver import Limits
from golemnet.runtime.families import family, memory_of, threads_of_user
from golemnet.runtime.removal import remove_tree
from golemnet.runtime.watch import Watch

MIB = 1024**2
LIMITS = Limits(memory_bytes=64 * MIB, storage_bytes=MIB)
TIMEOUT_S = 20.0


def written(folder: Path, size: int, name: str = "file") -> Path:
    file = folder / name
    file.write_bytes(os.urandom(size))
    return file


def nest(folder: Path, depth: int) -> None:
    """Folders in each other, deeper than a path can say."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def test_files_are_counted_once_and_holes_not_at_all(tmp_path: Path) -> None:
    file = written(tmp_path, MIB)
    os.link(file, tmp_path / "again")
    (tmp_path / "link").symlink_to("/")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    assert MIB <= disk_use(tmp_path).size < 1.2 * MIB


def test_empty_files_use_up_a_disk_too() -> None:
    assert DiskUse(0, 1000).beyond(DiskUse(0, 400)) == 600 * INODE_BYTES
    assert DiskUse(0, 0).beyond(DiskUse(500, 4)) == 0


def test_what_is_too_deep_to_be_counted_is_said(tmp_path: Path) -> None:
    nest(tmp_path, MAX_DEPTH + 2)
    with pytest.raises(Hidden):
        disk_use(tmp_path)


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    nest(tmp_path / "tree", 3000)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    remove_tree(tmp_path / "tree")


def test_folders_are_unlocked_and_links_left_alone(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "tree" / "locked"
    outside.mkdir(mode=0o500)
    inside.mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(outside)
    inside.chmod(0)
    unlock(tmp_path / "tree")
    assert inside.stat().st_mode & 0o777 == 0o700
    assert outside.stat().st_mode & 0o777 == 0o500


def test_room_gets_less_and_nothing_runs_in_what_is_spoiled(tmp_path: Path) -> None:
    watch = Watch(LIMITS, [tmp_path])
    written(tmp_path, 2 * MIB, "of the image")
    watch.begin()
    assert watch.room() == MIB
    written(tmp_path, MIB // 2)
    assert MIB // 4 <= watch.room() <= MIB // 2
    nest(tmp_path, MAX_DEPTH + 2)
    assert watch.room() == 0
    assert not watch.is_spoiled


async def looked_after(folder: Path, program: str) -> tuple[Watch, int | None]:
    """Run a program under a watch until it ends, or is ended."""
    watch = Watch(LIMITS, [folder])
    watch.begin()
    command = (sys.executable, "-c", program, str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, process_group=0)
    assert process.stdout is not None
    await process.stdout.readline()

    async def end() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    running = asyncio.create_task(watch.run(lambda: [process.pid] if process.returncode is None else [], end))
    try:
        await asyncio.wait_for(running, TIMEOUT_S)
    finally:
        if process.returncode is None:
            await end()
        # not for its end, but for that of its output
        await process.wait()
    return watch, process.returncode


async def test_children_count_and_all_are_ended(tmp_path: Path) -> None:
    program = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        data = bytearray(30 << 20)
        data[::4096] = b"x" * len(data[::4096])
        break
print("up", flush=True)
time.sleep(60)
"""
    watch, code = await looked_after(tmp_path, program)
    assert code == -9
    assert watch.memory_peak_bytes > LIMITS.memory_bytes


async def test_what_writes_too_much_is_ended(tmp_path: Path) -> None:
    program = """
import os, sys, time
for number in range(8):
    open(f"{sys.argv[1]}/{number}", "wb").write(os.urandom(1 << 20))
print("up", flush=True)
time.sleep(60)
"""
    _, code = await looked_after(tmp_path, program)
    assert code == -9


async def test_what_keeps_to_its_limits_ends_by_itself(tmp_path: Path) -> None:
    watch, code = await looked_after(tmp_path, "print('up', flush=True); import time; time.sleep(0.5)")
    assert code == 0
    assert 0 < watch.memory_peak_bytes < LIMITS.memory_bytes


def test_a_folder_that_cannot_be_counted_is_spoiled_by_the_first_look(tmp_path: Path) -> None:
    watch = Watch(LIMITS, [tmp_path])
    watch.begin()
    nest(tmp_path, MAX_DEPTH + 2)
    with subprocess.Popen(["sleep", "60"]) as payload:
        asyncio.run(watch.run(iter([[payload.pid], []]).__next__, _nothing))
        payload.kill()
    assert watch.is_spoiled


async def _nothing() -> None:
    pass


def test_a_family_and_its_memory() -> None:
    members = family(os.getpid())
    assert members[0] == os.getpid()
    assert 0 < memory_of(members, 0) <= memory_of(members, 1 << 60)
    assert threads_of_user(os.getuid()) >= 1
    assert family(2**22 + 1) == [2**22 + 1]


def test_orphans_are_buried_and_their_processor_time_is_counted() -> None:
    program = """
import os, sys, time
from golemnet.runtime.families import cpu_of
from golemnet.runtime.orphans import Orphans
orphans = Orphans()
ready = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        data = bytearray(b"x" * (20 << 20))
        while cpu_of([os.getpid()]) < 0.05:
            pass
        os.write(ready[1], b"1")
        time.sleep(60 if "live" in sys.argv else 0)
    os._exit(0)
os.wait()
os.read(ready[0], 1)
left = orphans.bury()
while left and "live" not in sys.argv:
    left = orphans.bury()
print(len(left), cpu_of(left) >= 0.05, orphans.memory_peak_bytes > 20 << 20)
for orphan in left:
    os.kill(orphan, 9)
"""
    for argument, told in (("live", "1 True False\n"), ("dead", "0 False True\n")):
        command = [sys.executable, "-c", program, argument]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        assert done.stdout == told


def test_whom_somebody_else_has_buried_is_no_orphan() -> None:
    """Between the list and the look the process that was started here may end, and be waited for."""
    program = """
import os
from golemnet.runtime import orphans
found = orphans.Orphans()
started = os.fork()
if started == 0:
    os.setsid()
    os._exit(0)
os.waitpid(started, 0)
orphans.children = lambda _process: [started]
print(found.bury())
orphans._leads_a_session = lambda _child: True
print(found.bury())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n[]\n", done.stderr

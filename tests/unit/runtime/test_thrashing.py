"""When a group is taken for one that gets nowhere, and which of its processes is ended then."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from golemnet.runtime import cgroups
from golemnet.runtime.thrashing import FAULTS, LOOKS, PAGE_BYTES, Memory, Thrashing, end_largest, read_memory

LIMIT = 64 << 20
FULL = Memory(data_bytes=LIMIT - 1000 * 1024, file_bytes=60 * PAGE_BYTES, refaulted_pages=0, major_faults=0)


def looks(first: Memory, pages: int, faults: int, count: int) -> list[bool]:
    """What is said at each of some looks, between which so many pages and steps had to be read again."""
    thrashing = Thrashing(LIMIT)
    return [
        thrashing.look(replace(first, refaulted_pages=pages * look, major_faults=faults * look))
        for look in range(count)
    ]


def test_who_reads_the_same_pages_again_and_again_beside_full_memory_gets_nowhere():
    told = looks(FULL, pages=2900, faults=50, count=2 * LOOKS + 1)
    assert [number for number, is_told in enumerate(told) if is_told] == [LOOKS, 2 * LOOKS]


@pytest.mark.parametrize(
    ("memory", "pages", "faults"),
    [
        (replace(FULL, data_bytes=LIMIT // 2), 2900, 50),
        (FULL, 2900, FAULTS - 1),
        (FULL, 200, 50),
        (replace(FULL, file_bytes=LIMIT // 32), 600, 50),
    ],
    ids=["has memory", "reads a large file", "reads little again", "its files have room"],
)
def test_who_gets_on_is_left_alone(memory: Memory, pages: int, faults: int):
    assert not any(looks(memory, pages, faults, 4 * LOOKS))


def test_who_gets_on_in_between_is_left_alone():
    thrashing, pages = Thrashing(LIMIT), 0
    for look in range(5 * LOOKS):
        pages += 0 if look % LOOKS == 0 else 2900
        assert not thrashing.look(replace(FULL, refaulted_pages=pages, major_faults=pages))


@pytest.mark.parametrize(
    ("folder", "names"),
    [("golem/c", ("anon", "file")), ("memory/golem/c", ("rss", "cache"))],
    ids=["version 2", "version 1"],
)
def test_both_versions_of_control_groups_are_read(tmp_path: Path, folder: str, names: tuple[str, str]):
    if names[0] == "anon":
        (tmp_path / "cgroup.controllers").touch()
    group = tmp_path / folder
    group.mkdir(parents=True)
    data, files = names
    text = f"{data} 7\n{files} 8\nworkingset_refault_file 9\npgmajfault 10\nother 11\n"
    (group / "memory.stat").write_text(text)
    (group / "cgroup.procs").write_text("0\n12\n13\n")
    assert read_memory("c", tmp_path) == Memory(7, 8, 9, 10)
    assert cgroups.members("c", tmp_path) == [12, 13]


def test_a_group_that_has_ended_has_nothing(tmp_path: Path):
    assert read_memory("c", tmp_path) is None
    assert cgroups.members("c", tmp_path) == []


PROGRAM = """
import sys
kept = b"x" * (int(sys.argv[1]) << 20)
print(flush=True)
sys.stdin.read()
"""


def having(mebibytes: int) -> subprocess.Popen[bytes]:
    """A process that has so much in memory, until its input ends."""
    command = [sys.executable, "-c", PROGRAM, str(mebibytes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_the_one_that_has_the_most_is_ended():
    with having(1) as small, having(40) as large:
        for each in (small, large):
            assert each.stdout is not None
            each.stdout.readline()
        end_largest([small.pid, large.pid, 2**22 + 1])
        assert large.wait(20) == -signal.SIGKILL
        assert small.poll() is None
    end_largest([])

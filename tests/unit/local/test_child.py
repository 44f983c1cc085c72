"""Processes of the network: ready when they say so, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from golemnet.errors import GolemError
from golemnet.local import child as child_module
from golemnet.local.child import Child
from golemnet.local.layout import Layout
from golemnet.local.leftovers import Trace, note_processes, remove_leftovers
from golemnet.local.plan import ProcessPlan
from golemnet.runtime.forks import ForkServer

SAYS_READY = "import time; from golemnet.ready import *; announce_ready(take_starter()); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SAYS_READY
WAITS = "import time; time.sleep(60)"


SERVER = (
    sys.executable,
    "-c",
    "from golemnet.runtime.fork_server import *; serve(lambda code: exec(code[0]) or 0)",
)

Make = Callable[[str], Child]


@pytest.fixture(params=["executed", "forked"])
async def child(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a process of Python code, in each of the two ways."""
    is_forked = request.param == "forked"
    async with ForkServer(SERVER, {}) as forks:

        def make(code: str) -> Child:
            command = [code] if is_forked else [sys.executable, "-c", code]
            plan = ProcessPlan("part", "agent", command, {"PLANNED": "1"}, is_forked=is_forked)
            return Child(plan, tmp_path / "log", forks)

        yield make


async def test_is_ready_when_it_says_so(child: Make):
    part = child(SAYS_READY)
    await part.spawn({})
    await part.until_ready()
    assert part.ready.is_set()
    assert psutil.pid_exists(part.pid or 0)
    await part.stop()
    assert (part.pid, part.ended) == (None, -signal.SIGTERM)


async def test_one_that_ends_at_once_gives_its_last_words(child: Make):
    part = child("import os; print('no disk', os.environ['PLANNED'], os.environ['GIVEN']); exit(3)")
    await part.spawn({"GIVEN": "2"})
    with pytest.raises(GolemError, match=r"status 3\. no disk 1 2"):
        await part.until_ready()


async def test_the_shell_may_be_set_up_for_another_network(child: Make, monkeypatch: pytest.MonkeyPatch):
    for name in ("GSB_URL", "YAGNA_DATADIR", "GOLEM_NET_BOOTSTRAP", "NODE_NAME"):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("GOLEM_CACHE_DIR", "mine")
    tell = "import os; print(sorted(k for k, v in os.environ.items() if v in ('theirs', 'mine'))); exit(3)"
    part = child(tell)
    await part.spawn({})
    with pytest.raises(GolemError, match=r"\['GOLEM_CACHE_DIR'\]\. Its"):
        await part.until_ready()


async def test_one_that_never_gets_ready_has_a_deadline(child: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_module, "READY_TIMEOUT_S", 0.3)
    part = child(WAITS)
    await part.spawn({})
    with pytest.raises(GolemError, match="not ready"):
        await part.until_ready()
    await part.stop()


async def test_a_stubborn_one_is_killed(child: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_module, "STOP_TIMEOUT_S", 0.2)
    part = child(STUBBORN)
    await part.spawn({})
    await part.until_ready()
    await part.stop()
    assert part.ended == -signal.SIGKILL


@pytest.mark.parametrize("child", ["forked"], indirect=True)
async def test_the_kernels_list_of_a_forked_ones_variables_is_its_servers(child: Make):
    part = child(SAYS_READY)
    await part.spawn({"SECRET": "hush"})
    await part.until_ready()
    assert b"hush" not in Path(f"/proc/{part.pid}/environ").read_bytes()
    await part.stop()


@pytest.mark.parametrize("child", ["forked"], indirect=True)
async def test_one_whose_fork_server_is_killed_ends_and_can_be_started_again(child: Make):
    part = child(SAYS_READY)
    await part.spawn({})
    await part.until_ready()
    psutil.Process(part.pid).parent().kill()
    await part.wait()
    await part.spawn({})
    await part.until_ready()
    await part.stop()


async def test_can_be_started_again(child: Make):
    part = child(SAYS_READY)
    for _ in range(2):
        await part.spawn({})
        await part.until_ready()
        await part.stop()


def test_ends_when_its_parent_is_killed(tmp_path: Path):
    code = f"""
import asyncio, sys
from pathlib import Path
from golemnet.local.child import Child
from golemnet.local.plan import ProcessPlan
async def main():
    part = Child(ProcessPlan("part", "agent", [sys.executable, "-c", {SAYS_READY!r}], {{}}), Path("log"))
    await part.spawn({{}}); await part.until_ready(); print(part.pid, flush=True); await part.wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        part = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    part.wait(timeout=5)


def test_leftovers_of_a_dead_supervisor_are_ended(tmp_path: Path):
    layout = Layout(tmp_path)
    with subprocess.Popen([sys.executable, "-c", WAITS]) as process:
        note_processes(layout, [process.pid])
        remove_leftovers(layout)
        assert not psutil.pid_exists(process.pid)
    assert not layout.processes_file.exists()


def test_a_stranger_who_got_the_same_id_is_left_alone(tmp_path: Path):
    import msgspec

    layout = Layout(tmp_path)
    layout.processes_file.write_bytes(msgspec.json.encode([Trace(os.getpid(), 1.0)]))
    remove_leftovers(layout)

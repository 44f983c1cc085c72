"""ExeUnits forked from a server that has loaded what they need: real processes, and what kills them."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import psutil
import pytest

from golemnet.provider.unit_server import UnitServer
from golemnet.runtime import forks
from golemnet.runtime.forks import LOST
from golemnet.runtime.processes import has_ended

SOON_S = 15.0
ID = "a" * 32


@pytest.fixture
async def server(tmp_path):
    async with UnitServer(
        tmp_path, {"YAGNA_APPKEY": "secret", "YAGNA_API_URL": "http://127.0.0.1:9"}
    ) as server:
        yield server


def arguments(tmp_path, activity_id=ID):
    """Of a unit that fails soon, for want of an agreement."""
    folders = ("--work-dir", str(tmp_path / "work"), "--cache-dir", str(tmp_path / "cache"))
    return ["--activity-id", activity_id, "--agreement", str(tmp_path / "agreement.json"), *folders]


@pytest.fixture
def waiting_unit(tmp_path, monkeypatch):
    """Starts a unit that reads its agreement, comes to no end of it, and hears no signal meanwhile."""
    monkeypatch.setattr(forks, "END_S", 0.2)
    agreement = tmp_path / "agreement.json"
    os.mkfifo(agreement)
    held = []

    async def started(server):
        unit = await server.start(arguments(tmp_path), tmp_path / "log")
        held.append(await soon(asyncio.to_thread(agreement.open, "w")))
        return unit

    yield started
    for each in held:
        with suppress(BrokenPipeError):
            each.close()


def parent_of(unit):
    return psutil.Process(unit.pid).parent()


async def soon(waited):
    return await asyncio.wait_for(waited, SOON_S)


async def test_a_unit_runs_with_its_own_arguments_and_log(server, tmp_path):
    unit = await server.start(arguments(tmp_path), tmp_path / "log")
    assert await soon(unit.wait()) == 1
    assert unit.returncode == 1
    assert "agreement.json" in (tmp_path / "log").read_text()


async def test_units_are_told_apart(server, tmp_path):
    good, bad = await asyncio.gather(
        server.start(arguments(tmp_path), tmp_path / "good"),
        server.start(["--nonsense"], tmp_path / "bad"),
    )
    assert await soon(good.wait()) == 1
    assert await soon(bad.wait()) == 2, "as argparse ends a program"
    assert "agreement.json" in (tmp_path / "good").read_text()
    assert "usage: exe-unit" in (tmp_path / "bad").read_text()


async def test_a_second_unit_waits_for_nothing_to_be_loaded(server, tmp_path):
    await (await server.start(["--nonsense"], tmp_path / "log")).wait()
    before = time.process_time(), _processor(parent := psutil.Process().children()[0])
    for _ in range(5):
        await soon((await server.start(["--nonsense"], tmp_path / "log")).wait())
    assert _processor(parent) - before[1] < 1.0, "seconds of processor for five units"


def _processor(process):
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


async def test_a_unit_leads_a_process_group_and_has_no_input(server, tmp_path, waiting_unit):
    unit = await waiting_unit(server)
    assert os.getpgid(unit.pid) == unit.pid
    assert os.readlink(f"/proc/{unit.pid}/fd/0") == os.devnull
    assert os.readlink(f"/proc/{unit.pid}/fd/1") == str(tmp_path / "log")
    os.killpg(unit.pid, signal.SIGKILL)
    assert await soon(unit.wait()) == -signal.SIGKILL


async def test_units_of_a_killed_server_end_and_the_next_unit_has_a_new_one(server, waiting_unit):
    unit = await waiting_unit(server)
    killed = parent_of(unit)
    killed.kill()
    assert await soon(unit.wait()) == LOST
    assert not psutil.pid_exists(unit.pid)
    again = await soon(waiting_unit(server))
    assert parent_of(again).pid != killed.pid


async def test_an_order_that_a_dying_server_does_not_take_is_refused(server, tmp_path, waiting_unit):
    unit = await waiting_unit(server)
    killed = parent_of(unit)
    killed.suspend()
    order = asyncio.create_task(server.start(arguments(tmp_path), tmp_path / "log"))
    await asyncio.sleep(0)
    killed.kill()
    with pytest.raises(OSError, match="has ended"):
        await soon(order)


async def test_the_server_ends_with_its_agent_and_all_units_with_it(tmp_path, waiting_unit):
    async with UnitServer(tmp_path, {}) as server:
        unit = await waiting_unit(server)
        process = parent_of(unit)
    assert await has_ended(process.pid, SOON_S)
    assert await has_ended(unit.pid, SOON_S)


async def test_an_agent_that_needs_no_unit_starts_no_server(tmp_path):
    before = psutil.Process().children()
    async with UnitServer(tmp_path, {}):
        assert psutil.Process().children() == before

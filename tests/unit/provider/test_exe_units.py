"""The process of an ExeUnit: given what it needs, ended gently and then not, leaving nothing behind."""

import asyncio
import os
import signal

import msgspec
import pytest
from plain_units import PlainStarter
from provider_doors import agreement

from golemnet.provider import exe_units
from golemnet.provider.exe_units import KEPT_LOGS, ExeUnit, Workshop
from golemnet.rest.market import Agreement

SOON_S = 20.0


def workshop(folder, line="exit 0"):
    """One whose units run a line of shell."""
    return Workshop(folder, "crun", PlainStarter(lambda _: line))


async def start(folder, line):
    return await ExeUnit.start(workshop(folder, line), "abc", agreement())


async def soon(function, *arguments):
    """What a function that blocks comes to."""
    return await asyncio.wait_for(asyncio.to_thread(function, *arguments), SOON_S)


def test_a_unit_is_told_activity_agreement_and_runtime(tmp_path):
    arguments = workshop(tmp_path).arguments("abc")
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options == {
        "--activity-id": "abc",
        "--agreement": str(tmp_path / "agreements" / "abc.json"),
        "--work-dir": str(tmp_path / "activities" / "abc"),
        "--cache-dir": str(tmp_path / "images"),
        "--runtime": "crun",
    }


async def test_a_unit_finds_the_agreement_and_writes_its_log(tmp_path):
    unit = await start(tmp_path, "echo hello")
    assert await unit.wait() == 0
    assert unit.last_words() == "hello"
    written = msgspec.json.decode((tmp_path / "agreements" / "abc.json").read_bytes(), type=Agreement)
    assert written == agreement()


async def test_what_a_unit_leaves_is_removed_but_for_its_log(tmp_path):
    here = workshop(tmp_path)
    unit = await ExeUnit.start(here, "abc", agreement())
    await unit.wait()
    (tmp_path / "activities" / "abc").mkdir()
    (tmp_path / "activities" / "abc" / "out.png").touch()
    here.clean("abc")
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"logs/abc.log"}


@pytest.mark.parametrize("activity_id", ["", "../x", "a/b", "a.b", "x" * 100 + "\0"])
async def test_an_id_that_could_be_a_path_starts_nothing(tmp_path, activity_id):
    with pytest.raises(ValueError, match="is not the id of an activity"):
        await ExeUnit.start(workshop(tmp_path), activity_id, agreement())
    assert list(tmp_path.iterdir()) == []


async def test_a_unit_that_ends_by_itself_is_not_signalled(tmp_path):
    marker = tmp_path / "may-end"
    unit = await start(tmp_path, f"while [ ! -e {marker} ]; do sleep 0.01; done; exit 7")
    unit.stop_soon()
    marker.touch()
    assert await asyncio.wait_for(unit.wait(), SOON_S) == 7


async def test_a_unit_that_does_not_end_is_terminated_and_then_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(exe_units, "STOP_S", 0.1)
    told, ready = tmp_path / "told", tmp_path / "ready"
    os.mkfifo(ready)
    unit = await start(tmp_path, f"trap 'touch {told}' TERM; echo > {ready}; while :; do sleep 0.01; done")
    await soon(ready.read_text)
    unit.stop_soon()
    unit.stop_soon()
    assert await asyncio.wait_for(unit.wait(), SOON_S) == -signal.SIGKILL
    assert told.exists()


async def test_the_whole_group_of_a_unit_ends(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    unit = await start(tmp_path, f"exec >{pipe}; sleep 600 & echo begun; wait")
    with await soon(pipe.open) as out:
        assert await soon(out.readline) == "begun\n"
        unit.terminate()
        await asyncio.wait_for(unit.wait(), SOON_S)
        assert await soon(out.read) == "", "the pipe ends when nobody holds it any more"


async def test_last_words_are_short_and_need_no_log(tmp_path):
    unit = await start(tmp_path, "head -c 5000 /dev/zero | tr '\\0' x; echo the end")
    await unit.wait()
    assert unit.last_words().endswith("xthe end")
    assert len(unit.last_words()) < 2001
    unit.log_file.unlink()
    assert unit.last_words() == ""


def test_old_logs_make_room(tmp_path):
    here = workshop(tmp_path)
    (tmp_path / "logs").mkdir()
    for age in range(KEPT_LOGS + 2):
        path = tmp_path / "logs" / f"{age}.log"
        path.touch()
        os.utime(path, (10**9 - age, 10**9 - age))
    here.prepare("abc", agreement())
    left = {path.stem for path in (tmp_path / "logs").iterdir()}
    assert left == {str(age) for age in range(KEPT_LOGS)}

"""Runs that are killed and go on: what was done is not done again, and nothing else is taken for it."""

import asyncio
import errno
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from yapapi_shop import golem_at

import yapapi
from golemnet.errors import GolemError
from golemnet.requestor.events import AgreementSigned, RunEnded, TaskRecalled
from golemnet.sdk.identity import function_identity
from golemnet.sdk.journal import Journal, NotKept, path_of
from golemnet.sdk.runs import command_of, forget, forget_all, runs

SCALE = 3
SCRIPT = Path(__file__).parent / "yapapi_shop.py"


def helper(x):
    return x * SCALE


def scaled(x):
    return helper(x) + 1


async def first(results, count):
    async with asyncio.timeout(30):
        return [await anext(results) for _ in range(count)]


async def collect(results):
    async with asyncio.timeout(30):
        return [each async for each in results]


class Crash(Exception):
    pass


@asynccontextmanager
async def crashing(shop, run):
    """A run that does not end well."""
    with suppress(Crash):
        async with shop.golem(workers=1, run=run) as golem:
            yield golem
            raise Crash


async def crash_after(shop, count, work, items):
    """A run that ends in the middle."""
    async with crashing(shop, "render") as golem:
        await first(golem.map(work, items, window=count), count)


def calls(shop):
    return sum(len(run["args"][-1].split()) for _, run in shop.containers.runs())


async def test_what_was_done_is_not_done_again(shop):
    await crash_after(shop, 10, scaled, range(30))
    known = command_of("render").done
    before = calls(shop)
    assert 10 <= known <= 20
    async with shop.golem(workers=1, run="render") as golem:
        assert await collect(golem.map(scaled, range(30))) == [3 * x + 1 for x in range(30)]
    assert calls(shop) - before == 30 - known
    assert sum(isinstance(event, TaskRecalled) for event in shop.events) == known


async def test_a_run_that_has_ended_begins_anew(shop):
    for _ in range(2):
        async with shop.golem(workers=1, run="render") as golem:
            await collect(golem.map(scaled, range(5)))
    assert calls(shop) == 10
    [ended] = runs()
    assert (ended.run, ended.state, ended.done) == ("render", "ended", 5)
    with pytest.raises(GolemError, match="has ended"):
        command_of("render")


async def test_a_function_that_has_changed_is_computed_again(shop, monkeypatch):
    await crash_after(shop, 5, scaled, range(5))
    monkeypatch.setitem(globals(), "SCALE", 4)
    async with shop.golem(workers=1, run="render") as golem:
        assert await collect(golem.map(scaled, range(5))) == [4 * x + 1 for x in range(5)]


def drawn(x):
    import random

    return random.random()


async def test_equal_items_have_results_of_their_own(shop):
    async with crashing(shop, "dice") as golem:
        thrown = await collect(golem.map(drawn, [None] * 4))
    async with shop.golem(workers=1, run="dice") as golem:
        assert await collect(golem.map(drawn, [None] * 4)) == thrown
    assert len(set(thrown)) == 4


async def test_commands_are_known_by_their_files(shop):
    source, out = shop.folder / "text.txt", shop.folder / "out"
    source.write_text("one\n")

    async def made():
        async with crashing(shop, "files") as golem:
            [found] = await collect(golem.map("cat {} > {.}.made", [source], output=out))
        return found.files[0].read_text()

    assert [await made(), await made()] == ["one\n", "one\n"]
    assert len(list(shop.containers.runs())) == 1
    (out / "text.made").unlink()
    assert await made() == "one\n"
    source.write_text("another\n")
    assert await made() == "another\n"
    assert len(list(shop.containers.runs())) == 3


async def test_a_line_that_was_cut_off_is_taken_away(shop):
    await crash_after(shop, 10, scaled, range(10))
    path = shop.folder / "known" / "runs" / "render.run"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert command_of("render").done == 9
    async with shop.golem(workers=1, run="render") as golem:
        assert await collect(golem.map(scaled, range(10))) == [3 * x + 1 for x in range(10)]
    assert calls(shop) == 11


async def test_a_journal_of_strangers_runs_nothing(shop):
    import base64
    import os
    import pickle

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(shop.folder / "owned"),)

    await crash_after(shop, 1, scaled, range(1))
    path = shop.folder / "known" / "runs" / "render.run"
    evil = base64.b64encode(pickle.dumps(Evil())).decode()
    text = path.read_text()
    assert '"value":"' in text
    path.write_text(re.sub(r'"value":"[^"]*"', f'"value":"{evil}"', text))
    async with shop.golem(workers=1, run="render") as golem:
        assert await collect(golem.map(scaled, range(1))) == [1]
    assert not (shop.folder / "owned").exists()


async def test_one_process_at_a_time_has_a_run(shop):
    async with shop.golem(run="render"):
        assert [each.state for each in runs()] == ["running"]
        with pytest.raises(GolemError, match="another process"):
            Journal("render")
    with pytest.raises(GolemError, match="no name"):
        Journal("../render")


async def test_of_a_run_that_has_done_nothing_nothing_is_kept(shop):
    async with crashing(shop, "typo"):
        assert [each.run for each in runs()] == ["typo"]
    assert runs() == []


def test_what_providers_are_owed_is_kept(known):
    journal = Journal("render")
    assert not journal.is_needed
    journal.hear(AgreementSigned(agreement_id="a", provider_id="0xann", provider_name="ann"))
    journal.hear(RunEnded(seconds=1.0, accepted=0, spent=Decimal(0), unpaid=["ann"]))
    assert journal.is_needed
    journal.hear(RunEnded(seconds=1.0, accepted=0, spent=Decimal(0), unpaid=[]))
    assert not journal.is_needed
    journal.close()


def test_runs_are_forgotten_unless_they_are_running(known):
    for name in ("one", "two", "three"):
        Journal(name).close()
    running = Journal("running")
    forget("two")
    assert {each.run for each in runs()} == {"one", "three", "running"}
    with pytest.raises(GolemError, match="is running"):
        forget("running")
    with pytest.raises(GolemError, match="no run two"):
        forget("two")
    assert forget_all() == 2
    assert [each.run for each in runs()] == ["running"]
    running.close()


@pytest.fixture
def known(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path))


def test_a_function_is_the_same_in_another_process(tmp_path: Path):
    text = (
        "import math\nSIZE = {1, 2}\nclass A:\n    pass\n"
        "def inner(x): return x in {'a', 'b', 'c'} or math.sin(x)\n"
        "def outer(x, a=A): return [inner(y) for y in x if y in SIZE]\n"
    )
    (tmp_path / "mine.py").write_text(text)
    script = (
        "import mine; from golemnet.sdk.identity import function_identity as i;"
        "print(i(mine.outer, ['mine']), i(mine.inner, ['mine']))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(3)
    }
    assert len(told) == 1
    assert len(set(told.pop().split())) == 2


def test_what_a_helper_does_counts():
    before = function_identity(scaled, [__name__])
    original = helper.__code__
    try:
        helper.__code__ = (lambda x: x * SCALE + 0).__code__
        assert function_identity(scaled, [__name__]) != before
    finally:
        helper.__code__ = original
    assert function_identity(scaled, [__name__]) == before


async def test_a_successor_ends_what_was_left_and_pays_for_it(shop):
    """Two agreements of a killed process: one was paid for, the other one's invoice is still to come."""
    from datetime import UTC, datetime
    from decimal import Decimal

    from golemnet.model.money import parse_amount
    from golemnet.requestor.events import AgreementSigned, InvoiceAccepted

    journal = Journal("render")
    journal.reserved("old")
    for agreement in ("a", "b"):
        journal.hear(AgreementSigned(agreement_id=agreement, provider_id="0xp", provider_name="p"))
    journal.hear(InvoiceAccepted(agreement_id="a", provider_name="p", amount=parse_amount("0.25")))
    journal.close()

    later = Journal("render")
    left = later.earlier
    later.close()
    assert left is not None
    assert (left.allocations, list(left.agreements), left.spent) == (["old"], ["b"], Decimal("0.25"))
    assert left.since <= left.stopped <= datetime.now(UTC)


def start_script(folder: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """A script for yapapi, at containers in a folder of its own, but with journals where the others are."""
    places = [SCRIPT.parent, SCRIPT.parent.parent / "requestor", os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
    monkeypatch.setenv("YAGNA_APPKEY", "key")
    folder.mkdir()
    (folder / "known").symlink_to(folder.parent / "known", target_is_directory=True)
    arguments = [sys.executable, str(SCRIPT), str(folder), "squares"]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def kill_leftovers(folder: Path) -> None:
    """What the containers of a killed script have left running."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            process.kill()


def test_a_script_for_yapapi_that_is_killed_goes_on(tmp_path: Path, monkeypatch):
    (tmp_path / "known").mkdir()
    monkeypatch.setenv("GOLEM_DATA_DIR", str(tmp_path / "known"))
    with start_script(tmp_path / "one", monkeypatch) as script:
        assert script.stdin is not None
        assert script.stdout is not None
        for number in range(10):
            assert script.stdout.readline() == f"result {number * number}\n"
            script.stdin.write("\n" * (number < 9))
        script.kill()
    kill_leftovers(tmp_path / "one")
    stopped = command_of("squares")
    assert stopped.arguments[1:] == [str(SCRIPT), str(tmp_path / "one"), "squares"]
    assert 10 <= stopped.done <= 13, "those that it has printed, and the window"
    with start_script(tmp_path / "two", monkeypatch) as script:
        output, _ = script.communicate(timeout=60)
    results = [f"result {number * number}" for number in range(30)]
    calls = 30 + 2 - stopped.done
    assert output.splitlines() == [*results, "starmapped [8]", "submitted 25", f"calls {calls}"]
    assert [each.state for each in runs()] == ["ended"]


async def test_what_agreements_a_script_for_yapapi_signs_is_kept(monkeypatch):
    """The market tells the job, and the journal."""
    monkeypatch.setenv("YAGNA_APPKEY", "key")
    golem, heard = yapapi.Golem(budget=1, run="any"), []
    engine = golem._new_engine()
    engine.buyer = SimpleNamespace(publish=lambda demand, hear, *more: answered(hear))
    engine.note = lambda event: heard.append(("note", event))
    job = SimpleNamespace(
        demand=SimpleNamespace(text=lambda: None),
        hear=lambda event: heard.append(("job", event)),
        **dict.fromkeys(("listen", "tailor")),
    )
    hear = await engine.publish(job)
    hear("signed")
    assert sorted(heard) == [("job", "signed"), ("note", "signed")]


async def answered(value):
    return value


@pytest.mark.parametrize("fails", [True, False])
async def test_a_script_that_stops_its_golem_on_the_way_out_has_not_ended_its_run(shop, fails):
    golem = golem_at(shop, run="squares")
    with suppress(Crash):
        try:
            assert await collect(golem.map(scaled, range(3))) == [1, 4, 7]
            if fails:
                raise Crash
        finally:
            await golem.stop()
    assert [each.state for each in runs()] == ["stopped" if fails else "ended"]


def test_a_line_for_which_there_is_no_room_is_not_begun(known, monkeypatch):
    journal = Journal("render")
    whole = path_of("render").read_bytes()

    def half(file, data, place):
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:10], place)

    real = os.pwrite
    with monkeypatch.context() as patched:
        patched.setattr("golemnet.sdk.journal.os.pwrite", half)
        with pytest.raises(NotKept, match="No space left"):
            journal.reserved("an allocation")
    assert path_of("render").read_bytes() == whole
    journal.reserved("an allocation")
    journal.close()
    assert len(path_of("render").read_bytes().splitlines()) == 2

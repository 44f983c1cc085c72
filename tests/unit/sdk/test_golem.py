"""Functions and commands through the real engine: results, failures, other providers, bounded reading."""

import asyncio
import dataclasses
import os
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path, PurePath

import pytest

from golemnet.errors import GolemError
from golemnet.image.gvmi import ImageConfig
from golemnet.requestor import buyer
from golemnet.requestor.errors import BudgetExhausted, RunTimeout, TaskFailed
from golemnet.requestor.events import ProviderDisagreed
from golemnet.rest.transport import DaemonUnreachable
from golemnet.sdk import executor, functions, images, pool
from golemnet.sdk.errors import (
    CannotTravel,
    NoAgreement,
    RemoteError,
    RemoteTraceback,
    ShellFailed,
    WrongPython,
)


@dataclasses.dataclass
class Point:
    x: int


def weigh(number):
    with open("weights.bin") as weights:
        return number + sum(map(int, weights.read().split()))


def square(x):
    return x * x


def failing(x):
    if x == 2:
        raise ValueError("two is bad")
    return x


def deadly(x):
    if x == 2:
        os._exit(9)
    return x


async def collect(results):
    async with asyncio.timeout(30):
        return [each async for each in results]


async def test_results_come_in_order(shop):
    async with shop.golem(workers=2) as golem:
        assert await collect(golem.map(square, range(300))) == [x * x for x in range(300)]
    # many calls share a batch, or a batch for each would have been sent
    assert len(shop.containers.batches) < 100


async def test_a_call_of_several_arguments_and_a_single_one(shop):
    async with shop.golem(workers=1) as golem:
        assert await collect(golem.starmap(pow, [(2, 3), (3, 2)])) == [8, 9]
        assert await golem.submit(int, "11", base=2) == 3
        assert await golem.submit(Point, 5) == Point(5)


async def test_an_exception_comes_back_as_it_is_and_ends_the_map(shop):
    async with shop.golem(workers=1) as golem:
        with pytest.raises(ValueError, match="two is bad") as caught:
            await collect(golem.map(failing, range(5)))
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert f'"{__file__}"' in str(caught.value.__cause__), "lines are told by the file that they come from"
    assert "in failing\n    " in str(caught.value.__cause__)
    [note] = caught.value.__notes__
    assert note.startswith("It was failing(2) at ")


async def test_exceptions_may_be_results(shop):
    async with shop.golem(workers=1) as golem:
        found = await collect(golem.map(failing, range(4), return_exceptions=True))
    assert [str(each) for each in found] == ["0", "1", "two is bad", "3"]


async def test_a_call_that_kills_the_interpreter_fails_alone(shop):
    async with shop.golem(workers=2, retries=1) as golem:
        found = await collect(golem.map(deadly, range(6), return_exceptions=True))
        line = golem.report().providers
    assert [x for x in found if not isinstance(x, TaskFailed)] == [0, 1, 3, 4, 5]
    assert "ended the interpreter" in str(found[2])
    assert sum(each.failed for each in line) == 2


async def test_a_lost_provider_s_calls_go_elsewhere(shop):
    shop.market.leaving = ("ann",)
    shop.containers.fate = lambda provider, command: "lost" if provider == "ann" else "ok"
    async with shop.golem(workers=2) as golem:
        assert await collect(golem.map(square, range(50))) == [x * x for x in range(50)]
    assert "ann" in shop.containers.created


async def test_what_verify_refuses_is_done_elsewhere(shop):
    refused = []

    def verify(item, result):
        if not refused:
            refused.append(item)
            return False
        return result == item * item

    async with shop.golem(workers=1) as golem:
        assert await collect(golem.map(square, [3], verify=verify)) == [9]
    providers = [provider for provider, _ in shop.containers.runs()]
    assert len(providers) == len(set(providers)) == 2


async def test_what_is_always_refused_fails_after_the_retries(shop):
    async with shop.golem(workers=1, retries=2) as golem:
        with pytest.raises(TaskFailed, match="failed 3 times") as caught:
            await collect(golem.map(square, [3], verify=lambda item, result: 1 / 0))
    assert "ZeroDivisionError" in str(caught.value)


def lie(shop, who, value):
    """Let a provider answer each call with the pickle of ``value``."""
    import base64
    import pickle

    body = base64.b64encode(pickle.dumps(value)).decode()
    output = f"python {sys.version_info[0]}.{sys.version_info[1]}\n0 0.1 ok {body}\n"
    shop.containers.fate = lambda provider, command: output if provider in who and "run" in command else "ok"


async def test_replicas_find_who_lies(shop):
    lie(shop, {"bob"}, 10)
    shop.containers.first = "bob"
    async with shop.golem(workers=3) as golem:
        assert await collect(golem.map(square, range(20, 32), replicas=2)) == [x * x for x in range(20, 32)]
        before = [provider for provider, _ in shop.containers.runs()].count("bob")
        assert await collect(golem.map(square, range(4), replicas=2)) == [0, 1, 4, 9]
    liars = [event for event in shop.events if isinstance(event, ProviderDisagreed)]
    assert liars
    assert {(each.provider_name, each.result) for each in liars} == {("bob", "10")}
    assert [provider for provider, _ in shop.containers.runs()].count("bob") == before, (
        "who lies is asked no more"
    )


async def test_replicas_are_asked_of_different_owners(shop):
    """Ann and Bob are paid at the same address: they are one owner, who agrees with himself."""
    address = "golem.com.payment.platform.erc20-x.address"
    for name, owner in (("ann", "0xOne"), ("bob", "0xone"), ("cid", "0xtwo")):
        shop.properties[name] = {address: owner}
    async with shop.golem(workers=3) as golem:
        assert await collect(golem.map(square, range(20), replicas=2)) == [x * x for x in range(20)]
    done = [provider for provider, run in shop.containers.runs() for _ in run["args"][-1].split()]
    assert done.count("cid") == 20, "each of them by Cid, and by Ann or Bob"
    assert done.count("ann") + done.count("bob") == 20


async def test_nobody_agrees(shop):
    async with shop.golem(workers=3, retries=0) as golem:
        with pytest.raises(NoAgreement, match="3 providers do not agree"):
            await collect(golem.map(square, [3], replicas=2, agree=lambda one, other: False))


async def test_a_stranger_s_result_is_not_run(shop):
    class Evil:
        def __reduce__(self):
            return (os.system, ("touch owned",))

    lie(shop, {"ann", "bob", "cid"}, Evil())
    async with shop.golem(workers=1) as golem:
        with pytest.raises(CannotTravel, match="not taken from strangers"):
            await collect(golem.map(square, [3]))


async def test_a_provider_that_sends_nothing_is_one_that_fails(shop):
    shop.containers.fate = lambda provider, command: "python 3.11\n" if "run" in command else "ok"
    async with shop.golem(workers=1, retries=1) as golem:
        with pytest.raises(TaskFailed, match="no result"):
            await collect(golem.map(square, [3]))


async def test_another_python_ends_the_run_at_once(shop, monkeypatch):
    monkeypatch.setattr(functions, "HERE", "2.7")
    async with shop.golem(workers=1) as golem:
        with pytest.raises(WrongPython, match=r"and this is Python 2\.7"):
            await collect(golem.map(square, [3]))
    assert len(shop.containers.batches) == 1


async def test_large_arguments_and_results_travel_as_files(shop):
    async with shop.golem(workers=1) as golem:
        found = await collect(golem.map(bytes.upper, [b"a" * size for size in (10, 200_000, 900_000)]))
    assert [len(each) for each in found] == [10, 200_000, 900_000]
    assert set(b"".join(found)) == {ord("A")}


class Unreadable(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def strange():
    raise Unreadable(1, 2)


async def test_an_exception_that_cannot_be_read_is_told_as_text(shop):
    async with shop.golem(workers=1) as golem:
        with pytest.raises(RemoteError, match="Unreadable: 1"):
            await golem.submit(strange)


async def test_what_a_function_prints_is_heard_and_is_no_result(shop):
    async with shop.golem(workers=1) as golem:
        assert await golem.submit(print, "hello") is None
    assert [event.text for event in shop.events if hasattr(event, "text")] == ["hello"]


async def test_reading_goes_no_further_than_the_window(shop):
    read = []

    def endless():
        number = 0
        while True:
            read.append(number)
            yield number
            number += 1

    async with shop.golem(workers=1) as golem:
        results = golem.map(square, endless(), window=10)
        assert [await anext(results) for _ in range(30)] == [x * x for x in range(30)]
        await results.aclose()
    assert len(read) <= 41


async def test_an_asynchronous_source_and_its_exception(shop):
    async def source():
        yield 1
        yield 2
        raise LookupError("no more")

    async with shop.golem(workers=1) as golem:
        results = golem.map(square, source())
        assert [await anext(results), await anext(results)] == [1, 4]
        with pytest.raises(LookupError, match="no more"):
            await anext(results)


async def test_workers_stay_for_the_next_map(shop):
    async with shop.golem(workers=1) as golem:
        await collect(golem.map(square, range(3)))
        await collect(golem.map(failing, range(2)))
    assert len(shop.containers.created) == 1


async def test_commands_take_files_and_bring_files(shop):
    source = shop.folder / "my text.txt"
    source.write_text("hello\n")
    async with shop.golem(workers=1) as golem:
        [found] = await collect(
            golem.map("cat {} {} > {.}.twice; echo made {.}", [source], output=shop.folder / "out")
        )
    assert (found.status, found.stdout) == (0, "made my text\n")
    [made] = found.files
    assert made.read_text() == "hello\nhello\n"
    assert made == shop.folder / "out" / "my text.twice"


async def test_files_for_all_items_cross_once_to_each_container(shop):
    """Each command has them in its folder, and brings back only what it has made."""
    weights = shop.folder / "weights.bin"
    weights.write_text("1 2 3\n")
    async with shop.golem(workers=1) as golem:
        commands = golem.map(
            "wc -w < weights.bin; touch {}.made", range(3), files=[weights], output=shop.folder / "out"
        )
        counted = [(done.stdout.strip(), [each.name for each in done.files]) async for done in commands]
        summed = await collect(golem.map(weigh, [10, 20], files=[weights]))
        weights.write_text("4\n")
        changed = await collect(golem.map(weigh, [10], files=[weights]))
    assert counted == [("3", [f"{number}.made"]) for number in range(3)]
    assert (summed, changed) == ([16, 26], [14])
    sent = [
        each["transfer"]["to"] for _, batch in shop.containers.batches for each in batch if "transfer" in each
    ]
    assert [PurePath(each).name for each in sent].count("weights.bin") == 3


async def test_files_for_all_items_have_to_be_there(shop):
    async with shop.golem(workers=1) as golem:
        with pytest.raises(CannotTravel, match="There is no file"):
            golem.map(weigh, [1], files=["nowhere"])


async def test_a_failing_command_says_how(shop):
    async with shop.golem(workers=1) as golem:
        with pytest.raises(ShellFailed, match="status 7") as caught:
            await golem.run("echo out; echo wrong >&2; exit 7")
    assert (caught.value.result.stdout, caught.value.result.stderr) == ("out\n", "wrong\n")


async def test_a_command_has_an_input(shop, tmp_path):
    given = tmp_path / "given"
    given.write_bytes(b"one\ntwo\n")
    async with shop.golem() as golem:
        done = await golem.run("head -n 1; tail -n 1  # all of it", stdin=given, output=tmp_path)
        assert (done.command, done.files) == ("head -n 1; tail -n 1  # all of it", [])
        assert done.stdout.startswith("one\n")
        assert (await golem.run("cat", stdin=given, output=tmp_path)).stdout == "one\ntwo\n"


async def test_items_are_no_shell_code(shop):
    async with shop.golem(workers=1) as golem:
        [found] = await collect(golem.map("echo {}", ["$(id); `id` 'x'"]))
    assert found.stdout == "$(id); `id` 'x'\n"


async def test_a_closed_golem_says_so(shop):
    with pytest.raises(Exception, match="is not open"):
        await collect(shop.golem().map(square, [1]))


def endless():
    number = 0
    while True:
        yield number
        number += 1


async def drain(results):
    async with asyncio.timeout(30):
        async for _ in results:
            pass


async def test_work_stops_at_the_budget_also_when_results_never_pause(shop):
    """To begin costs 0.5 GLM here, and a second 0.03."""
    async with shop.golem(budget=0.57, workers=1) as golem:
        with pytest.raises(BudgetExhausted):
            await drain(golem.map(square, endless()))


async def test_work_stops_at_the_timeout_also_when_results_never_pause(shop):
    async with shop.golem(timeout=timedelta(seconds=2), workers=1) as golem:
        with pytest.raises(RunTimeout):
            await drain(golem.map(square, endless()))


async def test_one_call_signs_one_agreement(shop):
    async with shop.golem(workers=3) as golem:
        assert await golem.submit(square, 2) == 4
    assert len(shop.containers.created) == 1


async def test_an_idle_provider_is_let_go(shop, monkeypatch):
    monkeypatch.setattr(pool, "PATIENCE_S", 0.2)
    async with shop.golem(workers=1) as golem:
        assert await golem.submit(square, 2) == 4
        async with asyncio.timeout(10):
            while not shop.market.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await golem.submit(square, 3) == 9
    assert len(shop.containers.created) == 2


async def test_what_was_left_by_break_is_not_begun(shop):
    async with shop.golem(workers=1) as golem:
        results = golem.map(square, endless())
        assert await anext(results) == 0
        await results.aclose()
        assert await golem.submit(square, 5) == 25
    counted = sum(len(run["args"][-1].split()) for _, run in shop.containers.runs())
    assert counted < 256, "the window's calls were forgotten"


def test_an_executor(shop, monkeypatch):
    monkeypatch.setattr(executor, "Golem", lambda budget, **options: shop.golem(**options))
    with executor.GolemExecutor(1.0, workers=1) as pool:
        assert list(pool.map(pow, [2, 3], [3, 2])) == [8, 9]
        assert isinstance(pool.submit(failing, 2).exception(), ValueError)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(square, 1)


def sleeping(seconds):
    import time

    time.sleep(seconds)


def test_who_interrupts_an_executor_does_not_wait_for_the_rest(shop, monkeypatch):
    monkeypatch.setattr(executor, "Golem", lambda budget, **options: shop.golem(**options))
    futures = []
    with suppress(KeyboardInterrupt), executor.GolemExecutor(1.0, workers=1) as pool:
        assert pool.submit(square, 2).result() == 4
        futures += [pool.submit(sleeping, 1000) for _ in range(3)]
        raise KeyboardInterrupt
    assert all(each.cancelled() for each in futures)
    assert not pool._thread.is_alive()


@pytest.mark.parametrize(
    ("version", "is_right"), [("", True), ("3.11.2", True), ("2.7.18", False), ("3.111", False)]
)
def test_an_image_that_says_another_python_is_refused_before_anything_is_bought(
    version, is_right, monkeypatch
):
    monkeypatch.setattr(images, "HERE", "3.11")
    config = ImageConfig(env=(f"PYTHON_VERSION={version}",) if version else ())
    image = images.FoundImage(image_hash="0" * 56, image_url="", config=config)
    if is_right:
        images.check_python(image, "x")
    else:
        with pytest.raises(WrongPython, match=version):
            images.check_python(image, "x")


async def test_a_daemon_that_stays_away_ends_the_work(shop, monkeypatch):
    monkeypatch.setattr(buyer, "DAEMON_AWAY_S", 0.0)
    shop.containers.first = "nobody"
    async with shop.golem(workers=1) as golem:
        shop.client.silence.begins(
            DaemonUnreachable("No daemon answers.", why="Refused", next_step="Start it.")
        )
        with pytest.raises(DaemonUnreachable, match=r"has not answered for 0 s\. Refused\. Start it\."):
            await golem.submit(square, 2)


async def test_a_full_disk_ends_the_work(shop):
    shop.containers.first = "nobody"
    async with shop.golem(workers=1) as golem:
        shop.files.full = Path("result")
        with pytest.raises(GolemError, match="disk of this machine is full"):
            await golem.submit(square, 2)

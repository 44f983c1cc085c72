"""What makes no sense is said at once and in words, and nothing that was done is lost by it."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from local_containers import ShopBuyer
from yapapi_shop import golem_at

from golemnet import Golem
from golemnet.errors import GolemError
from golemnet.requestor.errors import RunTimeout
from golemnet.sdk.errors import CannotTravel, RemoteError, WrongArgument
from golemnet.sdk.interrupts import Interrupts
from golemnet.sdk.options import Options
from golemnet.sdk.replicas import Replicas
from golemnet.sdk.strategies import Cheapest

WAIT_S = 30


def double(x):
    return 2 * x


@pytest.fixture
def golem(monkeypatch):
    monkeypatch.setenv("YAGNA_APPKEY", "key")
    return Golem(1)


async def collect(results):
    """What comes, and what ends it."""
    found = []
    try:
        async with asyncio.timeout(WAIT_S):
            async for each in results:
                found.append(each)
    except Exception as error:
        return found, error
    return found, None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("workers", [0, "5", 2.5, None, True]),
        ("retries", [-1, None]),
        ("timeout", [60, None, timedelta(0), timedelta(seconds=-1)]),
        ("image", [None, "", 5]),
        ("max_price", ["a", -1, float("nan"), True]),
        ("min_mem_gib", ["1", -1]),
        ("min_cpu_threads", [0, 1.5]),
        ("strategy", ["cheapest", Cheapest]),
        ("event_consumer", [5]),
        ("report", [5]),
        ("run", ["", 5]),
        ("trusted", [int, ["int"]]),
    ],
)
def test_a_golem_has_arguments_that_make_sense(golem, name, wrong):
    for value in wrong:
        with pytest.raises(WrongArgument, match=f"^{name} is"):
            Golem(1, **{name: value})


def test_what_makes_sense_is_taken(golem):
    Golem(1, workers=1, retries=0, max_price=Decimal("0.5"), min_mem_gib=0.5)
    Golem(1, strategy=Cheapest(), trusted=(int,))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"workers": 0}, {"window": 0}, {"replicas": 0}, {"replicas": 2.5}, {"retries": -1}, {"timeout": 5}),
        *({"verify": 5}, {"agree": "=="}, {"image": ""}, {"output": 5}, {"files": "abc"}, {"files": [5]}),
    ],
    ids=repr,
)
async def test_calls_have_keywords_that_make_sense(golem, wrong):
    [name] = wrong
    for begin in (golem.map, golem.starmap):
        with pytest.raises(WrongArgument, match=f"^{name} is"):
            begin(double, [(1,)], **wrong)


async def test_a_keyword_that_there_is_not_names_the_one_that_was_meant(golem):
    with pytest.raises(WrongArgument, match=r"no keyword worker .*Did you mean workers\?"):
        golem.map(double, [1], worker=3)
    with pytest.raises(WrongArgument, match=r"There are .*, files"):
        await golem.run("true", xyz=3)
    with pytest.raises(WrongArgument, match="retries"):
        await golem.estimate(1, 1.0, retris=2)
    assert "files" in Options.__annotations__


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("command", ["", [], 5, ["a", 5]]),
        ("port", ["80", 0, 70000]),
        ("listen", [99999, "80"]),
        ("instances", [-1, "2"]),
        ("restart", ["sometimes", None]),
        ("healthy", ["/"]),
        ("files", ["abc", [5]]),
        ("ready_within", [5]),
        ("resume", [["a"], {"a": 1}]),
    ],
)
def test_a_service_has_arguments_that_make_sense(golem, name, wrong):
    for value in wrong:
        with pytest.raises(WrongArgument, match=f"^{name} is"):
            golem.service(**{"command": "serve", name: value})
    with pytest.raises(CannotTravel, match="no file"):
        golem.service("serve", files=["nowhere"])


@pytest.mark.parametrize("command", [["ls", "-l"], "", 5])
async def test_a_shell_command_is_one_text(golem, command):
    with pytest.raises(WrongArgument, match=r"text for a shell.*shlex"):
        await golem.run(command)


async def test_what_commands_need_is_looked_at_before_anything_is_bought(golem, tmp_path):
    with pytest.raises(CannotTravel, match="no file"):
        await golem.run("true", ["nowhere"])
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(GolemError, match="file is not a folder"):
            golem.map("true", [1], output=output)
    with pytest.raises(WrongArgument, match="items is an iterable, not 5"):
        golem.map("true", 5)


async def test_a_golem_that_has_ended_takes_nothing_more(shop):
    async with shop.golem() as golem:
        assert await golem.submit(double, 2) == 4
    found, error = await collect(golem.map(double, [1]))
    assert (found, str(error)[:22]) == ([], "This Golem is not open")
    assert [each.count for each in golem.report().tasks] == [1], "its report is kept"


def failing_source():
    yield 1
    yield 2
    raise LookupError("no more")


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_source_that_fails_loses_nothing_that_it_has_given(shop, ordered):
    async with shop.golem(workers=1) as golem:
        found, error = await collect(golem.map(double, failing_source(), ordered=ordered))
    assert sorted(found) == [2, 4]
    assert isinstance(error, LookupError)


class Locked:
    def __reduce__(self):
        raise ValueError("locked")


async def test_what_a_function_raises_or_returns_can_be_told_apart(shop):
    def stop(x):
        raise StopIteration

    def locked(x):
        return Locked()

    async with shop.golem(workers=1) as golem:
        _, stopped = await collect(golem.map(stop, [1]))
        with pytest.raises(RemoteError, match="StopIteration"):
            await golem.submit(stop, 1)
        _, stuck = await collect(golem.map(locked, [1]))
    assert isinstance(stopped, RemoteError), stopped
    assert "has failed: StopIteration" in str(stopped)
    assert isinstance(stuck, CannotTravel), stuck
    assert "has returned cannot travel. ValueError: locked." in str(stuck)


async def test_of_replicas_that_fail_together_one_tells():
    futures = []

    class Pool:
        def submit(self, *call):
            futures.append(asyncio.get_running_loop().create_future())
            futures[-1].set_exception(RunTimeout("It is over."))
            return futures[-1]

    with pytest.raises(RunTimeout):
        await Replicas(3, 0, None, print).call(Pool(), None, 1)
    assert len(futures) == 3
    assert not any(each._log_traceback for each in futures), "asyncio would tell of the others"


async def test_the_first_interrupt_at_the_end_does_not_keep_providers_from_being_paid(shop, monkeypatch):
    paying, paid, told = asyncio.Event(), asyncio.Event(), []

    async def finish(self):
        paying.set()
        await paid.wait()

    monkeypatch.setattr(ShopBuyer, "_finish", finish)

    async def script():
        try:
            async with shop.golem() as golem:
                golem._interrupts = Interrupts(golem._drain, told.append)
                golem._interrupts._task = asyncio.current_task()
                open_ones.append(golem)
            return "went on"
        except KeyboardInterrupt:
            return "ended"

    for count, end in ((1, "went on"), (2, "ended")):
        open_ones, told[:] = [], []
        paying.clear()
        paid.clear()
        running = asyncio.create_task(script())
        await asyncio.wait_for(paying.wait(), WAIT_S)
        for _ in range(count):
            open_ones[0]._interrupts._hear()
        assert told[0].startswith("all is done, and providers are being paid")
        if count == 1:
            paid.set()
        assert await asyncio.wait_for(running, WAIT_S) == end


@pytest.mark.parametrize("door", ["golemnet", "yapapi"])
async def test_the_end_waits_for_what_was_submitted(shop, door):
    async with shop.golem(workers=1) if door == "golemnet" else golem_at(shop) as golem:
        submitted = [golem.submit(double, each) for each in range(3)]
    assert [each.result() for each in submitted] == [0, 2, 4]


async def test_after_an_error_nobody_waits_for_what_was_submitted(shop):
    with suppress(LookupError):
        async with shop.golem(workers=1) as golem:
            begun = golem.submit(time.sleep, 1000)
            await asyncio.sleep(0)
            late = golem.submit(time.sleep, 1000)
            raise LookupError
    await asyncio.wait_for(asyncio.wait({begun, late}), WAIT_S)
    assert begun.cancelled()
    assert "not open" in str(late.exception()), "nothing is begun any more"

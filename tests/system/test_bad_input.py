"""Input that cannot be used: one clear message each, and no provider is ever asked to work for it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from bad_scripts import SUBNET, Desk, Outlay, open_desk, run

from golemnet.image.recipe import Kept
from golemnet.rest.client import Client
from golemnet.rest.errors import BadRequest

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

NOTHING = Outlay(agreements=0, spent=Decimal(0))
CREATE_KEY = 'export YAGNA_APPKEY="$(yagna app-key create NAME)"'
EXPLANATION_S = 10.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(image: Kept, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(image.image, tmp_path_factory.mktemp("desk")) as desk:
        yield desk


# -- scripts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"YAGNA_APPKEY": "0" * 32}, ("does not accept the application key", "Invalid", CREATE_KEY)),
        ({"YAGNA_APPKEY": None}, ("YAGNA_APPKEY is not set", CREATE_KEY)),
        (
            {"YAGNA_API_URL": "http://127.0.0.1:1"},
            ("No daemon answers at http://127.0.0.1:1", "golem local up --dir", "golem local env --dir"),
        ),
        (
            {"GOLEM_REGISTRY_URL": "http://127.0.0.1:1"},
            ("The registry http://127.0.0.1:1 cannot be reached", "GOLEM_REGISTRY_URL"),
        ),
    ],
)
async def test_an_environment_that_leads_nowhere(desk: Desk, environment, words):
    before = await desk.agreements()
    (await desk.script("good", environment=environment)).tells(*words)
    assert await desk.outlay(before) == NOTHING


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"image_hash": "0" * 56}, ("has no image", "0" * 56, "gvmkit-build SOURCE --push")),
        ({"image_hash": "latest"}, ("'latest' is not the hash of an image", "56", "gvmkit-build --push")),
        ({"budget": 0}, ("budget is an amount of GLM above 0, not 0",)),
        ({"budget": -1}, ("budget is an amount of GLM above 0", "'-1' is negative")),
        ({"budget": "much"}, ("budget is an amount of GLM above 0", "'much' is not an amount")),
        ({"budget": 1e-20}, ("budget is an amount of GLM above 0", "more than 18 places")),
        ({"timeout": 0}, ("timeout must be longer than nothing",)),
        ({"max_workers": 0}, ("max_workers is the number of providers: 1 or more",)),
    ],
)
async def test_arguments_that_make_no_sense(desk: Desk, arguments, words):
    before = await desk.agreements()
    (await desk.script("good", **arguments)).tells(*words)
    assert await desk.outlay(before) == NOTHING


@pytest.mark.parametrize(
    ("worker", "words"),
    [("never_yields", ("it never yields",)), ("is_not_asynchronous", ("a plain `def` function",))],
)
async def test_a_worker_that_is_no_asynchronous_generator(desk: Desk, worker, words):
    before = await desk.agreements()
    ended = await desk.script(worker)
    ended.tells("The worker cannot be used", *words, "yield ctx.commit()")
    assert "never awaited" not in ended.everything
    assert await desk.outlay(before) == NOTHING


async def test_a_budget_above_the_balance(desk: Desk):
    before = await desk.agreements()
    ended = await desk.script("good", budget=1_000_000)
    ended.tells("1000000 GLM cannot be reserved", "1000000 GLM are asked for, 1000 are free")
    ended.tells("yagna payment fund", "lower the budget", "yagna payment status")
    assert await desk.outlay(before) == NOTHING


async def test_a_node_without_funds(desk: Desk, tmp_path: Path):
    async with desk.further_node(tmp_path) as environment:
        ended = await desk.script("good", environment=environment)
        ended.tells("1 GLM cannot be reserved for the run", "has no gas", "yagna payment fund")
        async with Client(environment["YAGNA_API_URL"], environment["YAGNA_APPKEY"]) as node:
            assert await node.payment.get_allocations() == []
            assert await node.market.get_demands() == []


async def test_a_subnet_where_nobody_is(desk: Desk):
    before = await desk.agreements()
    ended = await desk.script("good", subnet_tag="nowhere", timeout=11)
    constraint = r"\(golem\.node\.debug\.subnet=nowhere\) refused 3"
    explained = re.search(rf"(?m)^(\S+)  market +no offer suits, of 3 seen; {constraint}", ended.err)
    assert explained, ended.everything
    assert _seconds(explained[1]) - _seconds(ended.err[:8]) <= EXPLANATION_S
    ended.tells(
        "did not end within 11 s", "no offer suits, of 3 seen", f"offers on {SUBNET} (3)", "subnet_tag"
    )
    assert re.search(constraint, ended.out)
    assert await desk.outlay(before) == NOTHING


def _seconds(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ("", ("at character 0", "a constraint begins with '('")),
        ("(&(golem.inf.mem.gib>=1)", ("at character 24", "')' is missing")),
        ("(golem.inf.mem.gib~1)", ("at character 1", "one of = < <= > >=")),
        ("(a=1)(b=2)", ("at character 5", "nothing may follow")),
    ],
)
async def test_a_constraint_that_cannot_be_read(desk: Desk, constraints, words):
    async with desk.network.requestor() as requestor:
        with pytest.raises(BadRequest) as refused:
            await requestor.market.subscribe_demand({}, constraints)
        assert all(word in str(refused.value) for word in ("the constraint cannot be read", *words))
        assert await requestor.market.get_demands() == []


# -- commands ------------------------------------------------------------------------------------------------


async def test_a_network_is_started_twice(desk: Desk):
    before = await desk.processes()
    ended = await desk.command("golem", "local", "up", "--dir", str(desk.network.layout.directory))
    ended.tells("error: A local network in", "is up already", "golem local status", "golem local down")
    assert await desk.processes() == before


@pytest.mark.parametrize("command", ["env", "status"])
async def test_there_is_no_network(tmp_path: Path, command):
    ended = await run("golem", "local", command, "--dir", "none", folder=tmp_path, environment=os.environ)
    ended.tells(
        "error: The local network is not up", "why: Nobody answers at", "hint: Start it: golem local up"
    )
    assert ended.out == ""  # which `eval` would run


@pytest.mark.parametrize(
    "command",
    ["payment status", "payment fund", "id show", "app-key list", "app-key create x", "net status"],
)
async def test_there_is_no_daemon(tmp_path: Path, command):
    environment = {**os.environ, "YAGNA_DATADIR": str(tmp_path / "node")}
    ended = await run("yagna", *command.split(), folder=tmp_path, environment=environment)
    ended.tells("error: No daemon is running", f"no socket {tmp_path}/node/yagna.sock", "yagna service run")
    ended.tells("--datadir")
    assert not (tmp_path / "node").exists()


async def test_a_daemon_is_started_twice(desk: Desk):
    ended = await desk.command("yagna", "service", "run")
    ended.tells("error: yagna is already running", "why: Another process uses the data directory")
    ended.tells("hint: Stop it, or set YAGNA_DATADIR")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"YAGNA_APPKEY": "0" * 32}, ("error: The daemon does not accept the application key", CREATE_KEY)),
        ({"YAGNA_APPKEY": None}, ("error: YAGNA_APPKEY is not set", CREATE_KEY)),
    ],
)
async def test_an_agent_without_a_key(desk: Desk, tmp_path: Path, environment, words):
    ended = await desk.command("ya-provider", "run", "--data-dir", str(tmp_path), environment=environment)
    ended.tells(*words)
    async with desk.network.requestor() as requestor:
        assert await requestor.market.get_offers() == []


async def test_an_agent_without_its_preset(tmp_path: Path):
    ended = await run("ya-provider", "run", "dear", "-d", "agent", folder=tmp_path, environment=os.environ)
    ended.tells("error: There is no preset 'dear'", "why: Known: vm")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("yagna payment status --bogus", ("error: Unknown option: --bogus", "`yagna payment status --help`")),
        ("yagna paiment", ('error: Unknown command "paiment". Did you mean "payment"?', "`yagna --help`")),
        ("ya-provider run --bogus", ("error: Unknown option: --bogus", "`ya-provider run --help`")),
        ("golem local up --bogus", ("error: Unknown option: --bogus", "`golem local up --help`")),
        ("golem local up -n x", ('error: Invalid value for -n: unable to convert "x" into int',)),
        ("gvmkit-build --bogus", ("error: Unknown option: --bogus", "`gvmkit-build --help`")),
        ("gftp server --bogus", ("usage: gftp", "error: unrecognized arguments: --bogus")),
        ("exe-unit --bogus", ("usage: exe-unit", "error: the following arguments are required")),
    ],
)
async def test_an_option_that_there_is_not(tmp_path: Path, command, words):
    ended = await run(*command.split(), folder=tmp_path, environment=os.environ)
    ended.tells(*words, status=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("text.gvmi", ("text.gvmi is not a gvmi image", "does not begin with a squashfs")),
        ("text.gvmi --push", ("text.gvmi is not a gvmi image", "gvmkit-build SOURCE")),
        (
            "inspect cut.gvmi",
            ("cut.gvmi is not a gvmi image", "no metadata at its end", "SOURCE"),
        ),
        ("text.tar", ("text.tar is neither a folder nor a tar archive",)),
        ("python:3.11", ("There is no python:3.11", "docker save python:3.11 -o image.tar")),
        ("", ("Name one source", "gvmkit-build image.tar")),
    ],
)
async def test_what_is_no_image(desk: Desk, image: Kept, tmp_path: Path, command, words):
    (tmp_path / "text.gvmi").write_text("hello")
    (tmp_path / "text.tar").write_text("hello")
    (tmp_path / "cut.gvmi").write_bytes(image.image.read_bytes()[:-1])
    images = desk.network.layout.registry_directory / "images"
    stored = list(images.iterdir())
    (await Desk(desk.network, tmp_path, "").command("gvmkit-build", *command.split())).tells(*words)
    assert list(images.iterdir()) == stored

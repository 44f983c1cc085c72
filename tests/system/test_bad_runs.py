"""Runs that go wrong at providers: why is told once, the run ends at once, and little is spent on it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from bad_scripts import Desk, open_desk
from victims import exe_units

from golemnet.image.gvmi import ImageConfig, append_config, hash_image
from golemnet.image.recipe import Kept

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

ATTEMPTS = 5
PROVIDERS = ("provider-1", "provider-2", "provider-3")
# What an activity costs that fails after less than a second; the budget is ten thousand times more.
LITTLE = Decimal("0.0001")
TINY = "tiny"
LOOK_S = 0.1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(image: Kept, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(image.image, tmp_path_factory.mktemp("desk")) as desk:
        yield desk


async def check(desk: Desk, worker: str, *words: str, agreements: int, **arguments: object) -> str:
    """Run a script that must fail with these words, after so many agreements, for next to nothing."""
    before = await desk.agreements()
    ended = await desk.script(worker, **arguments)
    ended.tells(*words)
    outlay = await desk.outlay(before)
    assert (outlay.agreements, outlay.spent < LITTLE) == (agreements, True), (outlay, ended.everything)
    assert units(desk) == []
    return ended.out


def units(desk: Desk) -> list[int]:
    """The ExeUnits of the network that live."""
    return exe_units(desk.network.layout)


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        ("fails", ("exit 3` failed", "exit code 3", "cannot open scene.blend")),
        ("runs_what_is_not_there", ("`/bin/blender -b` failed", "No such file or directory")),
        ("fetches_what_is_not_there", ("`fetch /golem/output/out0007.png` failed", "does not exist")),
    ],
)
async def test_a_command_that_fails_everywhere(desk: Desk, worker, words):
    said = await check(
        *(desk, worker, "The task 7 failed 5 times", *words, "Mend the command or its input"),
        agreements=ATTEMPTS,
    )
    assert said.count(words[0]) == 1
    assert all(name in said for name in PROVIDERS)
    assert not (desk.folder / "output_7.png").exists()


async def test_a_file_to_send_that_is_not_there(desk: Desk):
    missing = desk.folder / "cubes.blend"
    await check(
        *(desk, "sends_what_is_not_there", f"There is no file {missing}", "Check the path", "relative to"),
        agreements=1,
    )


@pytest.mark.parametrize(
    ("worker", "words"),
    [
        ("fails_before_its_first_task", ("`/bin/false` failed", "exit code 1")),
        ("asks_for_no_task", ("`async for task in tasks`",)),
    ],
)
async def test_a_worker_that_never_gets_to_a_task(desk: Desk, worker, words):
    await check(
        *(desk, worker, "5 workers have ended before they took a task", *words, "at provider-"),
        agreements=ATTEMPTS,
    )


@pytest.mark.parametrize(("worker", "what"), [("yields_text", "a str"), ("yields_nothing", "None")])
async def test_a_worker_that_yields_something_else(desk: Desk, worker, what):
    await check(
        *(desk, worker, f"The worker has yielded {what}, which is no work", "`yield ctx.commit()`"),
        agreements=1,
    )


async def test_a_worker_that_raises(desk: Desk):
    before = await desk.agreements()
    ended = await desk.script("raises")
    assert ended.status == 1
    assert ended.err.rstrip().endswith("KeyError: 'frame'")
    assert 'task.accept_task(result={}["frame"])' in ended.err
    assert (await desk.outlay(before)).agreements == 1


async def test_a_result_that_is_rejected_five_times(desk: Desk):
    said = await check(
        *(desk, "rejects", "The task 7 failed 5 times", "the picture is black"), agreements=len(PROVIDERS)
    )
    assert all(name in said for name in PROVIDERS)


async def test_a_disk_that_is_full(desk: Desk, tmp_path: Path):
    """At a provider with little of it, whose program does not say why it fails."""
    place = {"DATA_DIR": str(tmp_path / "agent"), "SUBNET": TINY, "NODE_NAME": "small"}
    (await desk.command("ya-provider", "config", "set", "--disk", "0.1", environment=place)).succeeds()
    async with (
        desk.further_node(tmp_path / "node") as node,
        desk.service("ya-provider", "run", environment={**node, **place}),
    ):
        said = await check(
            *(desk, "fills_the_disk", "at small: ", "storage that the agreement grants (0.1 GiB) is full"),
            agreements=ATTEMPTS,
            subnet_tag=TINY,
        )
    assert said.count("is full") == 1


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("0.000001", ("The budget of 0.000001 GLM is too small to begin", "the cheapest of")),
        ("0.00005", ("The run was stopped at its budget of 0.00005 GLM", "0 tasks done")),
    ],
)
async def test_a_budget_that_is_too_small(desk: Desk, budget: str, said: Sequence[str]):
    before = await desk.agreements()
    ended = await desk.script("sleeps", budget=float(budget))
    ended.tells(*said, "Raise the budget")
    outlay = await desk.outlay(before)
    assert outlay.spent <= Decimal(budget)
    assert units(desk) == []


async def test_a_timeout_that_is_too_short_for_the_task(desk: Desk):
    running = asyncio.create_task(
        check(
            *(desk, "sleeps", "The run did not end within 8 s", "0 tasks done", "longer timeout"),
            agreements=1,
            timeout=8,
        )
    )
    # so the look at the end would see what is left running; no event tells of another process's children
    while not running.done() and not units(desk):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    assert not running.done()
    explained = await running
    assert "no offer suits" not in explained
    assert "nobody is to be had" not in explained


async def test_a_timeout_that_is_too_short_for_any_provider(desk: Desk):
    await check(
        *(desk, "good", "The run did not end within 2 s", "refuse: The work would end before it has begun"),
        "Give it a longer timeout",
        agreements=0,
        timeout=2,
    )


async def test_an_image_that_cannot_be_mounted(desk: Desk, tmp_path: Path):
    image = tmp_path / "broken.gvmi"
    image.write_bytes(b"hsqs" + bytes(8188))
    append_config(image, ImageConfig())
    sha3 = await desk.network.publish(image, "tests/broken")
    said = await check(
        *(desk, "good", f"The image {sha3}.gvmi is not a readable squashfs", "gvmkit-build SOURCE --push"),
        agreements=ATTEMPTS,
        image_hash=sha3,
    )
    assert said.count(sha3) == 1


async def test_an_image_that_is_damaged_on_its_way(desk: Desk, image: Kept, tmp_path: Path):
    copy = Path(shutil.copy(image.image, tmp_path / "other.gvmi"))
    append_config(copy, ImageConfig(volumes={"/golem/work": {}}))
    sha3 = await desk.network.publish(copy, "tests/damaged")
    stored = desk.network.layout.registry_directory / "images" / f"{sha3}.gvmi"
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    said = await check(
        *(desk, "good", f"The image {sha3} could not be fetched", f"Its hash is {hash_image(stored)}"),
        agreements=ATTEMPTS,
        image_hash=sha3,
    )
    assert said.count("could not be fetched") == 1

"""Our own ``yapapi``, with real containers and a real chain: scripts that are written for version 0.13.1.

Most of them are run by the published package as well, see ``tests/clients``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from money import Ledger
from network import DemoNetwork, demo_network
from running_script import running_script

from golemnet.image.errors import MissingTool
from golemnet.image.recipe import cached_image
from golemnet.image.recipes import cache_directory, small_image

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

HERE = Path(__file__).parent / "scripts"
SHARED = Path(__file__).parents[1] / "clients" / "scripts"
PROVIDERS, SUBNET = 2, "published-test"
STEP_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net() -> AsyncIterator[DemoNetwork]:
    async with demo_network(PROVIDERS, SUBNET) as network:
        yield network


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def image(net: DemoNetwork) -> str:
    """The hash of the small image."""
    try:
        kept = cached_image(small_image(), cache_directory())
    except MissingTool as error:
        pytest.skip(f"the image cannot be built: {error}")
    return await net.publish(kept.image, "golem/small:latest")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def ledger(net: DemoNetwork) -> Ledger:
    """The balances before all tests."""
    return await Ledger.open(net)


async def run(net: DemoNetwork, folder: Path, script: Path, image: str) -> str:
    """What a script prints; it has to succeed."""
    async with running_script(folder, script, image, environment=net.environment) as running:
        assert await running.finish(STEP_S) == 0, running.output
        assert "Golem engine has shut down" in running.output
        assert "Traceback" not in running.output, running.output
        return running.output


def said(output: str, word: str) -> list[list[str]]:
    """The words after ``word``, of each line that begins so."""
    return [line.split()[1:] for line in output.splitlines() if line.startswith(word + " ")]


async def test_six_tasks_with_files(net: DemoNetwork, image: str, ledger: Ledger, tmp_path: Path):
    common = os.urandom(100_000)
    (tmp_path / "common.bin").write_bytes(common)
    output = await run(net, tmp_path, SHARED / "six_tasks_0_13_1.py", image)
    assert sorted(said(output, "result")) == [[f"{n}", f"done-{n}"] for n in range(6)]
    for number in range(6):
        joined = (tmp_path / f"joined_{number}.bin").read_bytes()
        assert joined.endswith(common)
        assert joined.startswith(b'{"number": %d}' % number)
    assert await ledger.check()


async def test_a_task_fails_until_the_third_agreement(net: DemoNetwork, image: str, tmp_path: Path):
    output = await run(net, tmp_path, SHARED / "failing_0_13_1.py", image)
    assert said(output, "result") == [["one", "3"]], output
    assert said(output, "terminated") == [["Cancelled"], ["Cancelled"], ["Success"]], output


async def test_output_is_heard_of_while_commands_run(net: DemoNetwork, image: str, tmp_path: Path):
    output = await run(net, tmp_path, SHARED / "streamed_0_13_1.py", image)
    lines = said(output, "out")
    assert [text for _, text in lines] == ["line-1", "line-2", "line-3"], output
    assert float(lines[-1][0]) - float(lines[0][0]) > 1.5
    assert said(output, "progress")[-1][2] == "Bytes", output


async def test_one_provider_of_those_that_are_listed(net: DemoNetwork, image: str, tmp_path: Path):
    output = await run(net, tmp_path, SHARED / "offers_0_13_1.py", image)
    assert said(output, "offers") == [["provider-1", "provider-2"]], output
    assert sorted(said(output, "result")) == [["0", "provider-2"], ["1", "provider-2"]], output


async def test_two_instances_of_a_service(net: DemoNetwork, image: str, tmp_path: Path):
    output = await run(net, tmp_path, SHARED / "service_0_13_1.py", image)
    counted = [[f"provider-{n}", str(count)] for n in (1, 2) for count in (1, 2, 3)]
    assert sorted(said(output, "counted")) == counted, output
    assert sorted(said(output, "last")) == [["provider-1", "3"], ["provider-2", "3"]], output


async def test_a_service_outlives_its_golem(net: DemoNetwork, image: str, ledger: Ledger, tmp_path: Path):
    """The second one shuts it down and pays for all of it; both reach its port by the private network."""
    output = await run(net, tmp_path, HERE / "resumed_service.py", image)
    assert said(output, "visited") == [["hello"], ["hello"]], output
    assert said(output, "suspended") == [["suspended"]], output
    assert said(output, "shutdown") == said(output, "started") != [], output
    assert await ledger.check()


async def test_an_interrupted_script_ends_what_it_has_begun(
    net: DemoNetwork, image: str, ledger: Ledger, tmp_path: Path
):
    script = HERE / "long_tasks.py"
    async with running_script(tmp_path, script, image, environment=net.environment) as running:
        await running.until(r"^begins", STEP_S)
        running.signal(signal.SIGINT)
        await running.finish(STEP_S)
    assert "Execution interrupted by CancelledError" in running.output, running.output
    assert "Golem engine has shut down" in running.output, running.output
    async with net.requestor() as client:
        assert not await client.payment.get_allocations()
        assert {each.state for each in await client.market.list_agreements()} == {"Terminated"}
    await ledger.check()

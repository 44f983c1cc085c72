"""Any one process may be killed in the middle of a run: no task, no coin is lost, and no trace is left."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from money import SETTLED, Ledger
from network import DemoNetwork
from running_script import RunningScript, running_script
from traces import KINDS, Ground
from victims import Workplace, busy_workplace, gone, process_of, restart

from golemnet.image.recipe import Kept
from golemnet.local.plan import REQUESTOR

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

SIX_TASKS = Path(__file__).parent / "scripts" / "six_tasks.py"
TASKS = range(6)
COMMAND = "sleep"  # of the script's tasks
STEP_S = 40.0
TEMPORARY = "tmp"
ACCEPTED = r"progress= <task (\d): accepted"
FAILED = r"task \d failed"
ALL_ACCEPTED = "no more tasks"
OPEN = "RECEIVED"
LOOK_S = 0.1
PAYING = "invoice of .* accepted"


@dataclass
class Scenario:
    """A run of six tasks on three providers, in ``folder``; ``begin`` begins another one."""

    network: DemoNetwork
    script: RunningScript
    folder: Path
    ground: Ground
    ledger: Ledger
    begin: Callable[[], AbstractAsyncContextManager[RunningScript]]

    async def middle(self) -> Workplace:
        """Wait until a task is done; a provider that works on another one."""
        await self.script.until(ACCEPTED, STEP_S)
        self.ground.note(self.network.layout)
        # so the look at the end would see each kind of trace
        assert set(self.ground.traces()) == set(KINDS)
        return await busy_workplace(self.network, COMMAND, STEP_S)

    async def kill(self, name: str) -> None:
        """Kill the process that the network's supervisor calls ``name``."""
        (await process_of(self.network, name)).kill()

    async def check(self) -> None:
        """The run ends well: each task was done once, and right; each accepted invoice is paid once."""
        assert await self.script.finish(STEP_S) == 0, self.script.output
        accepted = [int(number) for number in re.findall(ACCEPTED, self.script.output)]
        assert sorted(accepted) == list(TASKS), self.script.output
        common = (self.folder / "common.bin").read_bytes()
        for number in TASKS:
            assert (self.folder / f"joined_{number}.bin").read_bytes() == b'{"number": %d}' % number + common
        assert list((self.folder / TEMPORARY).iterdir()) == []
        await self.ledger.check()


@pytest.fixture
async def scenario(
    ground: Ground, network: DemoNetwork, image: Kept, tmp_path: Path
) -> AsyncIterator[Scenario]:
    """The run, begun."""
    (tmp_path / "common.bin").write_bytes(os.urandom(300_000))
    sha3 = await network.publish(image.image, "tests/small")
    ledger = await Ledger.open(network)
    temporary = tmp_path / TEMPORARY
    temporary.mkdir()
    environment = {**network.environment, "TMPDIR": str(temporary)}
    begin = partial(running_script, tmp_path, SIX_TASKS, sha3, environment=environment)
    async with begin() as script:
        yield Scenario(network, script, tmp_path, ground, ledger, begin)
    ground.note(network.layout)


@pytest.mark.parametrize("victim", ["server", "guard", "exe_unit", "container", "command"])
async def test_a_process_of_an_activity(scenario: Scenario, victim: str) -> None:
    workplace = await scenario.middle()
    getattr(workplace, victim).kill()
    await scenario.script.until(FAILED, STEP_S)
    await scenario.check()


async def test_a_provider_agent(scenario: Scenario) -> None:
    workplace = await scenario.middle()
    await scenario.kill(workplace.agent)
    await scenario.script.until(FAILED, STEP_S)
    await scenario.script.until(ALL_ACCEPTED, STEP_S)
    await gone(workplace.guard, STEP_S)
    # it bills what was done before; until then the run waits a while for the invoice
    await restart(scenario.network, workplace.agent)
    await scenario.check()


async def test_a_providers_daemon(scenario: Scenario) -> None:
    workplace = await scenario.middle()
    await scenario.kill(workplace.provider)
    await scenario.script.until(FAILED, STEP_S)
    await scenario.script.until(ALL_ACCEPTED, STEP_S)
    await restart(scenario.network, workplace.provider)
    await scenario.check()


async def test_a_providers_daemon_that_comes_back_at_once(scenario: Scenario) -> None:
    workplace = await scenario.middle()
    await scenario.kill(workplace.provider)
    await restart(scenario.network, workplace.provider)
    await scenario.check()


async def test_a_provider_that_comes_back_when_all_is_over(scenario: Scenario) -> None:
    """It is paid by the next script, from what the first one has left reserved."""
    workplace = await scenario.middle()
    await scenario.kill(workplace.provider)
    await scenario.kill(workplace.agent)
    assert await scenario.script.finish(2 * STEP_S) == 0, scenario.script.output
    await gone(workplace.guard, STEP_S)
    async with scenario.network.requestor() as requestor, asyncio.timeout(STEP_S):
        (allocation,) = await requestor.payment.get_allocations()
        assert 0 < allocation.remaining_amount < Decimal("0.1"), "of the whole budget, which is 1"
        await restart(scenario.network, workplace.provider)
        await restart(scenario.network, workplace.agent)
        # the events of invoices are for the script that will pay
        while all(each.status != OPEN for each in await requestor.payment.get_invoices()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        async with scenario.begin() as scenario.script:
            await scenario.check()
        assert {each.status for each in await scenario.ledger.check()} == {SETTLED}
        assert await requestor.payment.get_allocations() == []


async def test_the_requestors_daemon_while_providers_work(scenario: Scenario) -> None:
    await scenario.middle()
    await scenario.kill(REQUESTOR)
    await restart(scenario.network, REQUESTOR)
    await scenario.check()


async def test_the_requestors_daemon_while_it_pays(scenario: Scenario) -> None:
    await scenario.middle()
    await scenario.script.until(PAYING, STEP_S)
    await scenario.kill(REQUESTOR)
    await restart(scenario.network, REQUESTOR)
    await scenario.check()

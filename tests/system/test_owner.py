"""What owners decide, as a requestor sees it: who works, how often at once, and how an agent ends."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from network import DemoNetwork
from running_script import RunningScript, running_script
from traces import Ground
from victims import gone, process_of, restart

from golemnet.image.recipe import Kept
from golemnet.local.plan import REQUESTOR, agent_name
from golemnet.provider.journal import Journal, read_entries
from golemnet.provider.presets import Preferences, save
from golemnet.provider.records import Approved, Ended
from golemnet.provider.rules import Rules

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.privileged,
    pytest.mark.chain,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers of the best driver need root"),
]

SIX_TASKS = Path(__file__).parent / "scripts" / "six_tasks.py"
STEP_S = 60.0
FIRST, *OTHERS = ("provider-1", "provider-2", "provider-3")
ACCEPTED = r"progress= <task (\d): accepted"
FAILED = "failed"


async def decide(network: DemoNetwork, provider: str, decision: Preferences) -> None:
    """Have the owner of a provider decide, and start the agent anew."""
    save(network.layout.agent(provider) / "preferences.json", decision)
    await restart(network, agent_name(provider))


async def requestor_of(network: DemoNetwork) -> str:
    nodes = await network.nodes()
    return next(node_id for node_id, line in nodes.items() if line.role == REQUESTOR)


def journal(network: DemoNetwork, provider: str) -> Path:
    return network.layout.agent(provider) / "journal.jsonl"


def most_at_once(path: Path) -> int:
    """How many agreements were in force at the same time, at most."""
    changes = [
        (each.at, 1 if isinstance(each, Approved) else -1)
        for each in read_entries(path)
        if isinstance(each, Approved | Ended)
    ]
    counts = [sum(change for _, change in sorted(changes)[: last + 1]) for last in range(len(changes))]
    return max(counts, default=0)


@asynccontextmanager
async def six_tasks(network: DemoNetwork, image: Kept, folder: Path) -> AsyncIterator[RunningScript]:
    (folder / "common.bin").write_bytes(os.urandom(1000))
    sha3 = await network.publish(image.image, "tests/small")
    async with running_script(folder, SIX_TASKS, sha3, environment=network.environment) as script:
        yield script


@pytest.fixture
async def one_provider(ground: Ground, network: DemoNetwork) -> AsyncIterator[DemoNetwork]:
    """A network where two of three owners deny the requestor, and the third works twice at once."""
    requestor = await requestor_of(network)
    for provider in OTHERS:
        await decide(network, provider, Preferences(rules=Rules().denying(requestor)))
    await decide(network, FIRST, Preferences(max_agreements=2, patience_minutes=1))
    yield network
    ground.note(network.layout)


async def test_one_provider_works_twice_at_once_and_those_that_deny_not_at_all(
    one_provider: DemoNetwork, image: Kept, tmp_path: Path
) -> None:
    async with six_tasks(one_provider, image, tmp_path) as script:
        assert await script.finish(STEP_S) == 0, script.output
    assert most_at_once(journal(one_provider, FIRST)) == 2
    for provider in OTHERS:
        assert Journal(journal(one_provider, provider)).records() == []


async def test_an_agent_with_patience_lets_its_work_finish(
    one_provider: DemoNetwork, image: Kept, tmp_path: Path
) -> None:
    async with six_tasks(one_provider, image, tmp_path) as script:
        await script.until(ACCEPTED, STEP_S)
        agent = await process_of(one_provider, agent_name(FIRST))
        agent.terminate()
        assert await script.finish(STEP_S) == 0, script.output
    assert FAILED not in script.output
    await gone(agent, STEP_S)
    records = Journal(journal(one_provider, FIRST)).records()
    assert records
    assert all(record.invoice_id for record in records)

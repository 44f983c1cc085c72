"""How an agent ends: what runs is given the patience that its owner has."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from provider_doors import Daemon

from golemnet.clock import SystemClock
from golemnet.provider.agent import Agent
from golemnet.provider.deal import SHUTDOWN, Over
from golemnet.provider.journal import Journal

TIMEOUT_S = 20.0


class WorkingDeal:
    """Stands for a deal whose work ends when ``done`` is set; remembers what it was told."""

    def __init__(self) -> None:
        self.done, self.told = asyncio.Event(), list[Over]()

    def tell(self, happening: Over) -> None:
        self.told.append(happening)
        self.done.set()

    async def run(self) -> Over:
        await self.done.wait()
        return self.told[0] if self.told else Over("Success", "The work is done.")

    async def close(self, over: Over) -> None:
        pass


class BusyAgent(Agent):
    """An agent that works for one requestor and hears of nothing else."""

    async def _work(self, since, ready) -> None:
        self._closing = asyncio.create_task(asyncio.Event().wait())
        self.deal = WorkingDeal()
        self._deals.begin("agreement", self.deal)  # type: ignore[arg-type]
        ready.set()
        await asyncio.Event().wait()


async def busy(tmp_path: Path, patience: timedelta) -> tuple[BusyAgent, asyncio.Task[None]]:
    agent = BusyAgent(
        Daemon().client,  # type: ignore[arg-type]
        SystemClock(),
        Journal(tmp_path / "journal.jsonl"),
        SimpleNamespace(),  # type: ignore[arg-type]
        SimpleNamespace(),  # type: ignore[arg-type]
        [],
        patience=patience,
    )
    ready = asyncio.Event()
    running = asyncio.create_task(agent.run(ready))
    await asyncio.wait_for(ready.wait(), TIMEOUT_S)
    return agent, running


async def ended(running: asyncio.Task[None]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, TIMEOUT_S)


async def test_without_patience_work_is_ended_at_once(tmp_path: Path) -> None:
    agent, running = await busy(tmp_path, timedelta(0))
    running.cancel()
    await ended(running)
    assert [told.code for told in agent.deal.told] == [SHUTDOWN]


async def test_with_patience_work_may_end_by_itself_and_nothing_new_begins(tmp_path: Path) -> None:
    agent, running = await busy(tmp_path, timedelta(minutes=5))
    running.cancel()
    await asyncio.sleep(0.1)
    assert not running.done()
    assert agent._deals.is_shut
    agent.deal.done.set()
    await ended(running)
    assert agent.deal.told == []


async def test_a_second_request_ends_the_patience(tmp_path: Path) -> None:
    agent, running = await busy(tmp_path, timedelta(minutes=5))
    running.cancel()
    await asyncio.sleep(0.1)
    running.cancel()
    await ended(running)
    assert [told.code for told in agent.deal.told] == [SHUTDOWN]


async def test_patience_has_an_end(tmp_path: Path) -> None:
    agent, running = await busy(tmp_path, timedelta(seconds=0.2))
    running.cancel()
    await ended(running)
    assert [told.code for told in agent.deal.told] == [SHUTDOWN]

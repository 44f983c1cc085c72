"""From settings to a running agent: lock, self-test, account, then work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from msgspec.structs import replace

from golemnet.clock import Clock, SystemClock
from golemnet.errors import GolemError
from golemnet.file_locks import try_lock
from golemnet.provider.agent import Agent
from golemnet.provider.exe_units import Workshop
from golemnet.provider.journal import Journal
from golemnet.provider.machine import sold, this_machine
from golemnet.provider.offer import Seller
from golemnet.provider.outbound import INET, Policy
from golemnet.provider.outbound_store import OutboundStore
from golemnet.provider.polling import insist
from golemnet.provider.presets import Preferences, Preset, load, save
from golemnet.provider.settings import AgentSettings
from golemnet.provider.standing import save_self_test
from golemnet.provider.unit_server import UnitServer
from golemnet.rest.client import DEFAULT_API_URL, Client
from golemnet.rest.payment import Account, InitAccount
from golemnet.runtime.self_test import SelfTest
from golemnet.runtime.self_testing import self_test

log = structlog.get_logger(__name__)


async def run_agent(
    settings: AgentSettings, ready: asyncio.Event, *, presets: list[str] | None = None
) -> None:
    """Run the agent of these settings until cancelled; ``presets`` instead of the active ones.

    Raises:
        GolemError: another agent runs here, the machine cannot isolate programs, no key, no account.
    """
    preferences = settings.apply(load(settings.preferences_file))
    chosen = [preferences.preset(name) for name in presets] if presets else preferences.active_presets()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.lock_file):
        save(settings.started_file, replace(preferences, active=[each.name for each in chosen]))
        async with (
            Client.from_environment() as client,
            UnitServer(settings.workshop, _unit_environment()) as units,
        ):
            agent = await _open(client, SystemClock(), settings, preferences, chosen, units)
            warming = asyncio.create_task(_warm(units, ready))
            try:
                await agent.run(ready)
            except* GolemError as errors:
                raise _first(errors) from errors
            finally:
                warming.cancel()


async def _warm(units: UnitServer, ready: asyncio.Event) -> None:
    """Nobody waits for the first unit as long as there is no offer."""
    await ready.wait()
    await units.warm()


async def _open(
    client: Client,
    clock: Clock,
    settings: AgentSettings,
    preferences: Preferences,
    presets: list[Preset],
    units: UnitServer,
) -> Agent:
    tested, addresses = await asyncio.gather(self_test(settings.workshop), _addresses(client, clock))
    runtime = tested.require()
    log.info(
        "self-test passed", runtime=runtime, isolation=tested.isolation, seconds=round(tested.seconds, 2)
    )
    outbound = OutboundStore(settings).policy(is_possible=INET in tested.capabilities)
    workshop = Workshop(settings.workshop, runtime, units)
    seller = _seller(settings, preferences, tested, addresses, _capabilities(tested, outbound))
    save_self_test(settings.self_test_file, tested)
    return Agent(
        client,
        clock,
        Journal(settings.journal_file),
        workshop,
        seller,
        presets,
        preferences.max_agreements,
        rules=preferences.rules,
        outbound=outbound,
        patience=timedelta(minutes=preferences.patience_minutes),
    )


def _seller(
    settings: AgentSettings,
    preferences: Preferences,
    tested: SelfTest,
    addresses: Mapping[str, str],
    capabilities: Sequence[str],
) -> Seller:
    return Seller(
        node_name=preferences.node_name,
        subnet=preferences.subnet,
        machine=sold(this_machine(settings.data_dir), preferences.limits, preferences.max_agreements),
        isolation=str(tested.isolation),
        addresses=addresses,
        capabilities=capabilities,
    )


def _capabilities(tested: SelfTest, outbound: Policy) -> list[str]:
    """What works here, without what the owner does not give to anybody."""
    return [each for each in tested.capabilities if each != INET or outbound.rules.enabled]


async def _addresses(client: Client, clock: Clock) -> dict[str, str]:
    """Where we are paid, by platform; the identity's own address if nothing else was set up."""
    accounts = await insist("accounts", clock, client.payment.get_provider_accounts)
    if not accounts:
        receive = InitAccount(sender=False, receiver=True)
        accounts = await insist("account", clock, lambda: client.payment.init(receive))
    return {account.platform: account.address for account in accounts if _receives(account)}


def _receives(account: Account) -> bool:
    return account.receive


def _unit_environment() -> dict[str, str]:
    return {
        "YAGNA_API_URL": os.environ.get("YAGNA_API_URL") or DEFAULT_API_URL,
        "YAGNA_APPKEY": os.environ["YAGNA_APPKEY"],
    }


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock of a data directory. Raises GolemError if another agent does."""
    with path.open("w") as file:
        if not try_lock(file):
            raise GolemError(
                f"Another agent runs in {path.parent}.",
                next_step="Stop it, or name another directory by --data-dir.",
            )
        yield


def _first(errors: BaseExceptionGroup[GolemError]) -> GolemError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

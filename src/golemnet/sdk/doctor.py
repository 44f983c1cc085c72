"""Looking for what is in the way of a run, before there is one: each finding says what to do."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec

from golemnet.errors import GolemError
from golemnet.gftp.daemon_address import daemon_of
from golemnet.image.client import DEFAULT_URL
from golemnet.model.local_shell import start_hint
from golemnet.model.money import short_amount
from golemnet.model.names import SUBNET
from golemnet.requestor.files import SharedFolder
from golemnet.requestor.summary import counted
from golemnet.rest.client import Client
from golemnet.rest.transport import DaemonUnreachable

CHECK_S = 10.0
OFFERS_S = 5.0
CLOCK_TOLERANCE_S = 30.0
ENOUGH_GLM = Decimal("0.01")
REGISTRY_HINT = (
    "Point GOLEM_REGISTRY_URL at one that runs: `golem registry run` starts one, "
    "`golem local up` a whole network."
)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``next_step`` says what to do if it is not well."""

    name: str
    is_well: bool
    found: str
    next_step: str = ""


class Trouble(GolemError):
    """Something that was looked at is not well."""


async def examine() -> list[Finding]:
    """Daemon, funds, files, registry, market and clock, in this order."""
    registry_url = os.environ.get("GOLEM_REGISTRY_URL") or DEFAULT_URL
    try:
        client = Client.from_environment()
    except GolemError as error:
        return [_bad("daemon", error), *_skipped("funds", "files", "subnet"), *await _others(registry_url)]
    async with client:
        daemon = await _look("daemon", lambda: _daemon(client))
        if not daemon.is_well:
            return [daemon, *_skipped("funds", "files", "subnet"), *await _others(registry_url)]
        checks = {"funds": _funds, "files": _files, "subnet": _subnet}
        found = await asyncio.gather(*(_look(name, lambda do=do: do(client)) for name, do in checks.items()))
    return [daemon, *found, *await _others(registry_url)]


async def _others(registry_url: str) -> list[Finding]:
    registry = _look("registry", lambda: _registry(registry_url))
    return list(await asyncio.gather(registry, _look("clock", lambda: _clock(registry_url))))


async def _look(name: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        async with asyncio.timeout(CHECK_S):
            return Finding(name, True, await check())
    except TimeoutError:
        return Finding(name, False, f"No answer within {CHECK_S:g} s.", "Look at the log of the daemon.")
    except (GolemError, DaemonUnreachable, aiohttp.ClientError, OSError) as error:
        return _bad(name, error)


def _bad(name: str, error: Exception) -> Finding:
    if isinstance(error, GolemError):
        return Finding(name, False, f"{error.what} {error.why}".strip(), error.next_step)
    return Finding(name, False, str(error) or type(error).__name__)


def _skipped(*names: str) -> list[Finding]:
    return [Finding(name, False, "Not looked at: the daemon has to answer first.") for name in names]


async def _daemon(client: Client) -> str:
    version = (await client.identity.version()).current
    identity = await client.identity.me()
    return f"{identity.name} {identity.identity}, version {version.version}"


async def _funds(client: Client) -> str:
    accounts = await client.payment.status()
    free = max((each.amount - each.reserved for each in accounts), default=Decimal(0))
    best = max(accounts, key=lambda each: each.amount - each.reserved, default=None)
    if best is None or free < ENOUGH_GLM:
        raise Trouble(
            f"There are {short_amount(free)} GLM that are not reserved.",
            next_step="`yagna payment fund` asks the faucet of a test network.",
        )
    if not best.gas:
        raise Trouble(
            "There is no ETH to pay for transactions.", next_step="`yagna payment fund`, or send some."
        )
    return f"{short_amount(free)} GLM free on {best.platform}, {short_amount(best.gas)} ETH for gas"


async def _files(client: Client) -> str:
    async with SharedFolder(daemon_of(os.environ)) as shared:
        url = await shared.publish_bytes(b"a file of golem doctor")
    return f"shared as {url[:24]}..."


async def _subnet(client: Client) -> str:
    subnet = os.environ.get("YAGNA_SUBNET") or ""
    scan = await client.market.begin_scan(f"({SUBNET}={subnet})" if subnet else None, timeout_s=OFFERS_S * 2)
    try:
        offers = await client.market.collect_scan(scan, timeout_s=OFFERS_S, max_events=100)
    finally:
        await client.market.end_scan(scan)
    where = f"on the subnet {subnet}" if subnet else "on the market"
    if not offers:
        raise Trouble(
            f"There is no offer {where}.",
            next_step="Set YAGNA_SUBNET to where providers are; `yagna net status` shows your connections.",
        )
    return f"{counted(len(offers), 'offer')} {where}"


async def _registry(url: str) -> str:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/v1/images") as answer:
            if answer.status >= 500:
                raise Trouble(f"{url} answers {answer.status}.", next_step="Check GOLEM_REGISTRY_URL.")
    except aiohttp.ClientConnectionError as error:
        hint = start_hint(os.environ, REGISTRY_HINT)
        raise Trouble(f"{url} does not answer.", why=f"{error}.", next_step=hint) from error
    may = "pushing is allowed" if os.environ.get("GOLEM_REGISTRY_TOKEN") else "without GOLEM_REGISTRY_TOKEN"
    return f"{url}, {may}"


async def _clock(url: str) -> str:
    """Agreements and payments carry times; others refuse what is from the future."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/v1/images") as answer:
            date = answer.headers.get("Date", "")
    except aiohttp.ClientConnectionError as error:
        raise Trouble("Not looked at: the registry has to answer first.") from error
    try:
        off = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError as error:
        raise Trouble(
            f"{url} does not say what time it is.", next_step="Compare with another clock."
        ) from error
    if abs(off) > CLOCK_TOLERANCE_S:
        raise Trouble(f"This clock is {off:+.0f} s off.", next_step="Set it: timedatectl set-ntp true.")
    return f"within {CLOCK_TOLERANCE_S:g} s of the registry's"

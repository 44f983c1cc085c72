"""How each process of a local network is: what supervisor, system and daemon know of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import psutil

from golemnet.errors import GolemError
from golemnet.local.messages import NetworkState, ProcessState
from golemnet.rest.client import Client
from golemnet.rest.errors import ApiError

ANSWER_TIMEOUT_S = 5.0
_NODES = ("requestor", "provider")


class Line(msgspec.Struct, frozen=True):
    """A line of the status; ``memory_mb`` is resident, in MB; ``balance`` in GLM; None is not known."""

    node: str
    role: str
    state: str
    pid: int | None
    memory_mb: int | None
    node_id: str | None
    api: str | None
    balance: Decimal | None


async def network_status(network: NetworkState) -> list[Line]:
    """A line for each process; a daemon that does not answer within 5 s has no id and no balance."""
    return list(await asyncio.gather(*(_line(process) for process in network.processes)))


async def _line(process: ProcessState) -> Line:
    node_id, balance = await _ask(process) if process.role in _NODES and process.pid else (None, None)
    api = process.env.get("YAGNA_API_URL") if process.role in _NODES else None
    return Line(
        process.name, process.role, process.state, process.pid, _memory(process.pid), node_id, api, balance
    )


async def _ask(process: ProcessState) -> tuple[str | None, Decimal | None]:
    try:
        async with (
            asyncio.timeout(ANSWER_TIMEOUT_S),
            Client.local(Path(process.env["YAGNA_DATADIR"]) / "yagna.sock") as client,
        ):
            node_id = (await client.identity.me()).identity
            accounts = await client.payment.status()
    except (GolemError, ApiError, OSError, TimeoutError):
        return None, None
    return node_id, accounts[0].amount if accounts else None


def _memory(pid: int | None) -> int | None:
    try:
        return round(psutil.Process(pid).memory_info().rss / 1e6) if pid else None
    except psutil.Error:
        return None

"""Calls of the activity API; names are the operation ids of its OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp

from golemnet.model.packets import MAX_PIECE_BYTES
from golemnet.rest.activity import (
    PREFIX,
    ActivityState,
    ActivityUsage,
    CreateActivityRequest,
    CreateActivityResult,
    ExeScriptCommandResult,
    ExeScriptCommandState,
    ExeScriptRequest,
    ProviderEvent,
    RuntimeEvent,
)
from golemnet.rest.errors import from_status
from golemnet.rest.exeunit import MAX_FRAME_BYTES
from golemnet.rest.transport import POLL_MARGIN_S, Transport, checked, query_of, segment
from golemnet.rest.vpn import UNIT_PATH
from golemnet.rest.wire import decode

MAX_EVENT_BYTES = 4 * 1024 * 1024


class ActivityClient:
    """Activities, their batches and results."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    # -- requestor -----------------------------------------------------------------------------------------

    async def create_activity(self, agreement_id: str, *, timeout_s: float = 60.0) -> str:
        """Start an activity under an approved agreement; its id."""
        answer = await self._transport.post(
            f"{PREFIX}/activity",
            CreateActivityResult,
            CreateActivityRequest(agreement_id=agreement_id),
            {"timeout": timeout_s},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )
        return answer.activity_id

    async def exec(self, activity_id: str, commands: list[dict[str, Any]]) -> str:
        """Send a batch of commands; its id."""
        return await self._transport.post(
            f"{_activity(activity_id)}/exec", str, ExeScriptRequest(text=json.dumps(commands))
        )

    async def batch_results(
        self, activity_id: str, batch_id: str, *, timeout_s: float = 5.0, command_index: int | None = None
    ) -> list[ExeScriptCommandResult]:
        """Results so far; waits up to ``timeout_s`` for the one of ``command_index`` (default: the last)."""
        return await self._transport.get(
            f"{_activity(activity_id)}/exec/{segment(batch_id)}",
            list[ExeScriptCommandResult],
            {"timeout": timeout_s, "commandIndex": command_index},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def stream_batch(self, activity_id: str, batch_id: str) -> AsyncIterator[RuntimeEvent]:
        """The events of a batch as they happen, from its first; ends with the batch."""
        url = f"{self._transport.api_url}{_activity(activity_id)}/exec/{segment(batch_id)}"
        try:
            async with self._transport.session.get(
                url,
                headers={"Accept": "text/event-stream"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=POLL_MARGIN_S),
                read_bufsize=MAX_EVENT_BYTES,
            ) as answer:
                if answer.status >= 400:
                    await checked(answer)
                async for line in answer.content:
                    if line.startswith(b"data:"):
                        yield decode(line[5:].strip(), RuntimeEvent)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise self._transport.unreachable(error) from error

    async def destroy_activity(self, activity_id: str, *, timeout_s: float = 20.0) -> None:
        """End an activity."""
        await self._transport.call(
            "DELETE",
            _activity(activity_id),
            query={"timeout": timeout_s},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def suspend_activity(self, activity_id: str, *, is_on: bool = True) -> None:
        """Stop what runs, which keeps memory and files and uses no processor, or let it go on."""
        await self._transport.call("PUT", f"{_activity(activity_id)}/suspended", is_on)

    async def get_running_command(self, activity_id: str) -> list[ExeScriptCommandState]:
        """The commands that run now."""
        return await self._transport.get(f"{_activity(activity_id)}/command", list[ExeScriptCommandState])

    # -- both sides ----------------------------------------------------------------------------------------

    async def get_state(self, activity_id: str, *, timeout_s: float = 10.0) -> ActivityState:
        """The activity's state as the provider's node knows it."""
        return await self._transport.get(
            f"{_activity(activity_id)}/state",
            ActivityState,
            {"timeout": timeout_s},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def get_usage(self, activity_id: str, *, timeout_s: float = 10.0) -> ActivityUsage:
        """The usage counters in the order of the agreement's usage vector."""
        return await self._transport.get(
            f"{_activity(activity_id)}/usage",
            ActivityUsage,
            {"timeout": timeout_s},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def get_agreement(self, activity_id: str) -> str:
        """The id of the activity's agreement."""
        return await self._transport.get(f"{_activity(activity_id)}/agreement", str)

    # -- provider ------------------------------------------------------------------------------------------

    async def provider_events(
        self, *, timeout_s: float = 5.0, after: datetime | None = None, max_events: int = 100
    ) -> list[ProviderEvent]:
        """Activities that were created or destroyed since ``after``; waits up to ``timeout_s``."""
        return await self._transport.get(
            f"{PREFIX}/events",
            list[ProviderEvent],
            {"timeout": timeout_s, "afterTimestamp": after, "maxEvents": max_events},
            timeout_s=timeout_s + POLL_MARGIN_S,
        )

    async def set_state(self, activity_id: str, state: ActivityState) -> None:
        """Report an activity's state (when its ExeUnit cannot)."""
        await self._transport.call("PUT", f"{_activity(activity_id)}/state", state)

    @asynccontextmanager
    async def exeunit_link(self, activity_id: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The WebSocket between an ExeUnit and its daemon (frames: ``golemnet.rest.exeunit``)."""
        url = f"{self._transport.api_url}{_activity(activity_id)}/exeunit"
        try:
            async with self._transport.session.ws_connect(
                url, max_msg_size=MAX_FRAME_BYTES, heartbeat=20
            ) as link:
                yield link
        except aiohttp.ClientConnectionError as error:
            raise self._transport.unreachable(error) from error

    @asynccontextmanager
    async def network_link(
        self, activity_id: str, network_id: str, ip: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """The end of a private network in an activity (pieces of packets, ``golemnet.model.packets``)."""
        path = UNIT_PATH.format(id=segment(activity_id), network_id=segment(network_id))
        try:
            async with self._transport.session.ws_connect(
                self._transport.api_url + path,
                params={"ip": ip},
                max_msg_size=MAX_PIECE_BYTES,
                heartbeat=20,
            ) as link:
                yield link
        except aiohttp.WSServerHandshakeError as error:
            raise from_status(error.status, "") from error

    async def activity_list(self, query: dict[str, str] | None = None) -> list[str]:
        """Ids of the activities that this node knows (an extension of ours)."""
        return await self._transport.get(f"{PREFIX}/activity", list[str], query_of(query))


def _activity(activity_id: str) -> str:
    return f"{PREFIX}/activity/{segment(activity_id)}"

"""An ExeUnit that does nothing, and says that all went well; ``run`` waits for ``let_run``."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import aiohttp

from golemnet.rest.activity import ExeScriptCommandResult
from golemnet.rest.client import Client
from golemnet.rest.exeunit import (
    Event,
    ExecBatch,
    FromUnit,
    Hello,
    Result,
    StateChanged,
    Stop,
    Usage,
    decode_to_unit,
    encode_frame,
)

STATES = {"deploy": "Deployed", "start": "Ready"}


class WillingUnit:
    """What a provider's agent starts for an activity."""

    def __init__(self) -> None:
        self.let_run = asyncio.Event()
        self._link: aiohttp.ClientWebSocketResponse | None = None

    async def serve(self, provider: Client, activity_id: str) -> None:
        """Connect to the provider's daemon and work until it says stop."""
        async with provider.activity.exeunit_link(activity_id) as self._link:
            await self._say(Hello(activity_id, "Initialized", []))
            async for message in self._link:
                match decode_to_unit(message.data):
                    case ExecBatch() as batch:
                        await self._execute(batch)
                    case Stop():
                        await self._say(StateChanged("Terminated", "stopped"))
                        return

    async def _execute(self, batch: ExecBatch) -> None:
        names = [next(iter(command)) for command in json.loads(batch.script_json)]
        for index, name in enumerate(names):
            if name == "run":
                await self.let_run.wait()
            if name in STATES:
                await self._say(StateChanged(STATES[name]))
            await self._report(batch.batch_id, index, is_last=index == len(names) - 1)

    async def _report(self, batch_id: str, index: int, *, is_last: bool) -> None:
        now = datetime.now(UTC)
        result = ExeScriptCommandResult(
            index=index, event_date=now, result="Ok", stdout=[0, 255], is_batch_finished=is_last
        )
        await self._say(Usage([1.0, 0.5], now))
        await self._say(Event(batch_id, index, now, {"stdout": "a line"}))
        await self._say(Result(batch_id, result))

    async def _say(self, frame: FromUnit) -> None:
        assert self._link is not None
        await self._link.send_bytes(encode_frame(frame))

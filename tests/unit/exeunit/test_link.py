"""The ExeUnit's last words reach a daemon that is busy when they come."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from aiohttp import web

from golemnet.exeunit.journal import Journal
from golemnet.exeunit.link import Link
from golemnet.exeunit.states import State
from golemnet.rest.exeunit import ExecBatch, FromUnit, Hello, StateChanged, Usage, decode_from_unit

PATIENCE_S = 20.0
BUSY_S = 0.1


class Receiver:
    def hello(self) -> Hello:
        return Hello("activity", State.READY, [])

    def submit(self, batch: ExecBatch) -> None:
        raise AssertionError(batch)

    def stop(self, reason: str) -> None:
        raise AssertionError(reason)


class SlowDaemon:
    """Takes its time for each frame; like ours, it gives up on a connection that breaks."""

    def __init__(self) -> None:
        self.frames: list[FromUnit] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await asyncio.sleep(BUSY_S)
            self.frames.append(decode_from_unit(message.data))
        return socket


async def test_what_was_sent_before_the_end_arrives() -> None:
    daemon, app, journal = SlowDaemon(), web.Application(), Journal()
    app.router.add_get("/", daemon.serve)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        link = asyncio.create_task(
            Link(f"http://127.0.0.1:{port}/", "key", journal, Receiver(), time.monotonic).run()
        )
        last_words = [Usage([1.0], datetime.now(UTC)), StateChanged(State.TERMINATED, "The end.")]
        for frame in last_words:
            journal.put(frame)
        async with asyncio.timeout(PATIENCE_S):
            await journal.wait_until_sent()
            link.cancel()
            await asyncio.wait({link})
        assert daemon.frames[1:] == last_words
    finally:
        await runner.cleanup()

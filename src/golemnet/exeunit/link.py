"""The WebSocket to the provider's daemon: connects again for as long as the ExeUnit lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import aiohttp
import msgspec

from golemnet.exeunit.journal import Journal
from golemnet.rest.exeunit import (
    MAX_FRAME_BYTES,
    ExecBatch,
    FromUnit,
    Hello,
    Stop,
    Suspend,
    ToUnit,
    decode_to_unit,
    encode_frame,
)

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
HEARTBEAT_S: Final = 10.0
GIVE_UP_AFTER_S: Final = 600.0
CLOSE_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """The ExeUnit as the link sees it."""

    def hello(self) -> Hello:
        """The first frame of a connection."""
        ...

    def submit(self, batch: ExecBatch) -> None:
        """Take a batch; one that is known is ignored."""
        ...

    def suspend(self, is_on: bool) -> None:
        """Stop what runs, or let it go on."""
        ...

    def stop(self, reason: str) -> None:
        """End everything."""
        ...


class Link:
    """Sends what is in ``journal`` and hands what arrives to ``receiver``.

    Args:
        url: ``http(s)://.../activity-api/v1/activity/{id}/exeunit``.
        app_key: of the provider.
        monotonic: seconds that only grow.
    """

    def __init__(
        self, url: str, app_key: str, journal: Journal, receiver: Receiver, monotonic: Callable[[], float]
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {app_key}"}
        self._journal = journal
        self._receiver = receiver
        self._monotonic = monotonic
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Keep a connection until cancelled, or until no daemon has answered for ``GIVE_UP_AFTER_S``."""
        pause, last_success = FIRST_PAUSE_S, self._monotonic()
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while self._monotonic() - last_success < GIVE_UP_AFTER_S:
                if await self._connection(session):
                    pause, last_success = FIRST_PAUSE_S, self._monotonic()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        self._receiver.stop("The provider's daemon does not answer.")

    async def _connection(self, session: aiohttp.ClientSession) -> bool:
        """One connection from its start to its end; whether there was one."""
        try:
            async with session.ws_connect(
                self._url, heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES
            ) as socket:
                await self._converse(socket)
            return True
        except aiohttp.WSServerHandshakeError as error:
            return self._refused(error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("daemon_unreachable error=%r", str(error))
            return False

    def _refused(self, error: aiohttp.WSServerHandshakeError) -> bool:
        log.warning("daemon_refused status=%d", error.status)
        if error.status in (401, 403, 404, 410):
            self._receiver.stop(f"The daemon refuses this activity ({error.status}).")
        return False

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await _send(socket, self._receiver.hello())
        self._journal.rewind()
        self.connected.set()
        writer = asyncio.create_task(self._write(socket))
        reader = asyncio.create_task(self._read(socket))
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.connected.clear()
            writer.cancel()
            # before the reader ends: when nobody listens any more, aiohttp hangs up in the middle
            await _close(socket)
            reader.cancel()
            await asyncio.gather(writer, reader, return_exceptions=True)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            frame = await self._journal.next()
            await _send(socket, frame)
            self._journal.sent()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            try:
                self._take(decode_to_unit(message.data))
            except msgspec.DecodeError as error:
                log.warning("frame_not_understood error=%r", str(error))

    def _take(self, frame: ToUnit) -> None:
        match frame:
            case Stop():
                self._receiver.stop(frame.reason or "The activity was destroyed.")
            case Suspend():
                self._receiver.suspend(frame.is_on)
            case ExecBatch():
                self._receiver.submit(frame)


async def _send(socket: aiohttp.ClientWebSocketResponse, frame: FromUnit) -> None:
    await socket.send_bytes(encode_frame(frame))


async def _close(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Close in order: when the daemon has answered, it has read everything before."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return

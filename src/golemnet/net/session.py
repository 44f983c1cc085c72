"""One connection with one other node, after both have shown who they are: calls, streams, and pings.

A killed peer says nothing, and QUIC itself notices after half a minute; so whoever hears nothing for two
seconds asks, and after five the session is over and every call on it fails.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from itertools import count
from typing import Any

import structlog
from iroh import BiStream, Connection

from golemnet.model.node_id import NodeId
from golemnet.net.control import Control
from golemnet.net.errors import BUSY, RemoteError, StreamBroken, Unreachable
from golemnet.net.frames import Answer, AnyFrame, Call, Hello, Ping, Pong, Records, Refused, encode
from golemnet.net.handlers import MAX_CALLS_OF_PEER, MAX_STREAMS_OF_PEER, Handlers
from golemnet.net.iroh_binding import BINDING_ERRORS, reason_of
from golemnet.net.iroh_stream import AcceptedStream, OpenedStream
from golemnet.net.links import link_of
from golemnet.net.network import Link

PING_AFTER_S = 2.0
LOST_AFTER_S = 5.0
PURPOSE_TIMEOUT_S = 10.0
# Streams and calls of a peer above this are not even refused; the session of such a peer ends.
MAX_TASKS = 2 * (MAX_CALLS_OF_PEER + MAX_STREAMS_OF_PEER)
_PING, _PONG = encode(Ping()), encode(Pong())

log = structlog.get_logger(__name__)

OnRecords = Callable[["Session", Records], Awaitable[None]]


class Session:
    """Serves until the connection ends or ``close`` is called.

    Args:
        connection: the QUIC connection.
        control: its first stream, on which the Hellos have passed.
        peer: the node id that the other side has proved.
        hello: what it said.
        handlers: answer its calls.
        since: the time now.
        on_records: takes node records that it passes on.
    """

    def __init__(
        self,
        connection: Connection,
        control: Control,
        peer: NodeId,
        hello: Hello,
        handlers: Handlers,
        since: datetime,
        on_records: OnRecords,
    ) -> None:
        self.peer = peer
        self.hello = hello
        self.endpoint_id = connection.remote_id().to_bytes()
        self.since = since
        self.closed = asyncio.Event()
        self._connection = connection
        self._control = control
        self._handlers = handlers
        self._on_records = on_records
        self._numbers = count(1)
        self._pending: dict[int, asyncio.Future[bytes]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._pings: deque[asyncio.Future[None] | None] = deque()
        self._heard_at = self._time()

    async def call(self, method: str, body: bytes, timeout_s: float) -> bytes:
        """The peer's answer. Raises Unreachable when the session ends first, RemoteError when it refuses."""
        self._require_open()
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._control.send(Call(number, method, body, timeout_s))
            return await answer
        finally:
            self._pending.pop(number, None)

    async def ping(self) -> float:
        """Milliseconds until the peer has answered. Raises Unreachable when the session ends first."""
        self._require_open()
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._send_ping(pong)
        await pong
        return (time.perf_counter() - began) * 1000

    def link(self) -> Link:
        """What can be said of it now."""
        return link_of(self.peer, self._connection, self._control.traffic, self.since)

    async def open_stream(self, method: str, header: bytes) -> OpenedStream:
        """A new stream. Raises Unreachable."""
        self._require_open()
        try:
            stream = OpenedStream(await self._connection.open_bi(), self._control.traffic)
        except BINDING_ERRORS as error:
            raise self._lost(reason_of(error)) from error
        stream.start(method, header)
        return stream

    async def send_records(self, records: Records) -> None:
        """Pass node records on, unless the session has ended or the peer is too slow for them now."""
        if not self.closed.is_set() and not self._control.is_congested:
            await self._control.send(records)

    async def run(self) -> None:
        """Serve until the session is over. Calls being answered then are still carried out, in their time.

        Cancelled, it ends those as well.
        """
        parts = [self._read(), self._control.write_queued(), self._accept_streams(), self._watch()]
        tasks = [asyncio.create_task(part) for part in (*parts, self._until_closed())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            log.debug("session ended", peer=self.peer, why=_why(done))
        except asyncio.CancelledError:
            _cancel(self._calls)
            raise
        finally:
            self.close("the session is over")
            _cancel(self._streams)
            _cancel(tasks)
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self, reason: str) -> None:
        """End the session at once; calls under way fail."""
        if self.closed.is_set():
            return
        self.closed.set()
        for waiting in (*self._pending.values(), *self._pings):
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._lost(reason))
        self._control.release()
        self._connection.close(0, reason.encode()[:100])

    # -- what comes in -------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            frame = await self._control.reader.next()
            self._heard_at = self._time()
            await self._take(frame)

    async def _take(self, frame: AnyFrame) -> None:
        match frame:
            case Call():
                self._start(self._answer(frame), self._calls)
            case Answer(number, body):
                self._settle(number, body)
            case Refused(number, code, message):
                self._settle(number, RemoteError(code, message))
            case Records():
                await self._on_records(self, frame)
            case Ping():
                self._control.push(_PONG, "pong")
            case Pong():
                self._take_pong()
            case _:
                raise ValueError(f"a {type(frame).__name__} has no place here")

    async def _answer(self, call: Call) -> None:
        try:
            body = await self._handlers.answer(self.peer, call.method, call.body, call.timeout_s)
            await self._control.send(Answer(call.number, body))
        except RemoteError as error:
            await self._control.send(Refused(call.number, error.code, error.message))

    def _settle(self, number: int, result: bytes | RemoteError) -> None:
        answer = self._pending.get(number)
        if answer is None or answer.done():
            return
        if isinstance(result, RemoteError):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    async def _accept_streams(self) -> None:
        while True:
            try:
                stream = await self._connection.accept_bi()
            except BINDING_ERRORS as error:
                raise StreamBroken("The connection broke.", why=reason_of(error)) from error
            self._start(self._serve(stream), self._streams)

    async def _serve(self, accepted: BiStream) -> None:
        stream = AcceptedStream(accepted, self._control.traffic)
        try:
            async with asyncio.timeout(PURPOSE_TIMEOUT_S):
                wanted = await stream.purpose()
            await self._handlers.serve(self.peer, wanted.method, wanted.header, stream)
        except RemoteError as error:
            await stream.refuse(error)
        except (StreamBroken, TimeoutError) as error:
            log.debug("stream not served", peer=self.peer, why=str(error))
            await stream.abort()

    def _start(self, work: Coroutine[Any, Any, None], running: set[asyncio.Task[None]]) -> None:
        if len(running) >= MAX_TASKS:
            work.close()
            raise RemoteError(BUSY, "The peer asks too much at a time.")
        task = asyncio.create_task(work)
        running.add(task)
        task.add_done_callback(running.discard)

    # -- whether the peer is there -------------------------------------------------------------------------

    async def _watch(self) -> None:
        while (silence := self._time() - self._heard_at) < LOST_AFTER_S:
            if silence >= PING_AFTER_S:
                self._send_ping(None)
            pause = min(PING_AFTER_S, LOST_AFTER_S - silence)
            due = self._time() + pause
            await asyncio.sleep(pause)
            # While this node itself stood still it could hear nobody.
            self._heard_at += max(self._time() - due, 0.0)
        raise self._lost(f"nothing was heard for {LOST_AFTER_S:g} s")

    def _send_ping(self, pong: asyncio.Future[None] | None) -> None:
        # Answers come in the order of the questions.
        self._pings.append(pong)
        self._control.push(_PING, "ping")

    def _take_pong(self) -> None:
        pong = self._pings.popleft() if self._pings else None
        if pong is not None and not pong.done():
            pong.set_result(None)

    async def _until_closed(self) -> None:
        await self.closed.wait()

    def _require_open(self) -> None:
        if self.closed.is_set():
            raise self._lost("the session is over")

    def _lost(self, why: str) -> Unreachable:
        return Unreachable("The session with the node ended.", why=why, node_id=self.peer)

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in list(tasks):
        task.cancel()


def _why(done: set[asyncio.Task[None]]) -> str:
    reasons = [task.exception() for task in done if not task.cancelled()]
    return "; ".join(str(reason) for reason in reasons if reason) or "closed"

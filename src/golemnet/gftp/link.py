"""A program's link to its daemon, over which other nodes reach the files that the program shares."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from pathlib import Path

import aiohttp
import msgspec

from golemnet.gftp.content_names import SHA3_256
from golemnet.gftp.daemon_address import DaemonAddress
from golemnet.gftp.messages import (
    MAX_FRAME_BYTES,
    Ask,
    AskChunk,
    AskSize,
    Bind,
    Bound,
    Done,
    Failed,
    FromProgram,
    PutChunk,
    PutEnd,
    Unbind,
    Welcome,
    encode,
    from_daemon,
)
from golemnet.gftp.refusals import UNAUTHORIZED, DaemonNotReached, key_refused, not_reached
from golemnet.gftp.shared_files import SharedFiles, SharingError
from golemnet.gftp.urls import GftpUrl, parse_url
from golemnet.model.node_id import NodeId

LINK_PATH = "/gsb-api/v1/files"
CONNECT_TIMEOUT_S = 10.0
BIND_TIMEOUT_S = 10.0
HEARTBEAT_S = 20.0
RECONNECT_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MAX_ASKS = 16


def open_session(address: DaemonAddress) -> aiohttp.ClientSession:
    """A connection pool for the daemon at ``address``; the caller closes it."""
    headers = {} if address.app_key is None else {"Authorization": f"Bearer {address.app_key}"}
    connector = aiohttp.TCPConnector() if address.socket is None else aiohttp.UnixConnector(address.socket)
    return aiohttp.ClientSession(connector=connector, headers=headers)


class Link:
    """Shares files through a daemon while ``run`` runs; a daemon that comes back gets them all again.

    Args:
        session: to the daemon.
        api_url: the daemon's.
        algorithm: by which published files are named (``content_names``).
    """

    def __init__(self, session: aiohttp.ClientSession, api_url: str, algorithm: str = SHA3_256) -> None:
        self._session = session
        self._url = api_url.rstrip("/") + LINK_PATH
        self._files = SharedFiles(algorithm)
        self._numbers = count(1)
        self._binding: dict[int, asyncio.Future[None]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._answered = asyncio.Event()  # with a welcome, or with a refusal
        self._asks: set[asyncio.Task[None]] = set()
        self._node: NodeId | None = None
        self._failure: Exception | None = None
        self._refusal: DaemonNotReached | None = None
        # how long a daemon that does not answer is waited for
        self.patience_s = CONNECT_TIMEOUT_S

    async def publish(self, path: Path) -> GftpUrl:
        """Share the file at ``path``. Raises SharingError, DaemonNotReached."""
        return await self._share(*await asyncio.to_thread(self._publish, path))

    def _publish(self, path: Path) -> tuple[str, bytes | None]:
        file_id = self._files.publish(path)
        return file_id, self._files.small_content(file_id)

    async def receive(self, path: Path) -> GftpUrl:
        """A place to which another node may send a file, to be stored at ``path``."""
        return await self._share(self._files.receive(path))

    def full(self) -> Path | None:
        """A place for which the disk had no room since this was asked last."""
        found, self._files.full = self._files.full, None
        return found

    async def close(self, url: str) -> bool:
        """Share the file no longer, unless it was published more than once; False if it never was."""
        try:
            file_id = parse_url(url).file_id
        except ValueError:
            return False
        is_gone = self._files.close(file_id)
        if is_gone:
            await self._send(Unbind(file_id))
        return is_gone is not None

    async def run(self) -> None:
        """Serve until cancelled; connects again when the daemon was away."""
        try:
            pauses = iter(RECONNECT_PAUSES_S)
            while True:
                if await self._serve_once():
                    pauses = iter(RECONNECT_PAUSES_S)
                await asyncio.sleep(next(pauses, RECONNECT_PAUSES_S[-1]))
        finally:
            for task in list(self._asks):
                task.cancel()
            self._files.discard()

    # -- sharing -------------------------------------------------------------------------------------------

    async def _share(self, file_id: str, content: bytes | None = None) -> GftpUrl:
        try:
            async with asyncio.timeout(self.patience_s):
                await self._answered.wait()
                self._check_refusal()
                await self._bind(file_id, self._files.modes()[file_id], content)
        except (TimeoutError, ConnectionError) as error:
            self._files.close(file_id)
            raise not_reached(self._failure) from error
        except (SharingError, DaemonNotReached):
            self._files.close(file_id)
            raise
        assert self._node is not None
        return GftpUrl(self._node, file_id)

    async def _bind(self, file_id: str, mode: str, content: bytes | None) -> None:
        number = next(self._numbers)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._binding[number] = answer
        try:
            await self._send(Bind(number, file_id, mode, content))
            async with asyncio.timeout(BIND_TIMEOUT_S):
                await answer
        finally:
            self._binding.pop(number, None)

    async def _send(self, message: FromProgram) -> None:
        if self._socket is not None:
            with suppress(ConnectionError):
                await self._socket.send_bytes(encode(message))

    def _check_refusal(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    # -- serving -------------------------------------------------------------------------------------------

    async def _serve_once(self) -> bool:
        """One connection from beginning to end; returns whether there was one."""
        try:
            async with self._session.ws_connect(
                self._url, max_msg_size=MAX_FRAME_BYTES, heartbeat=HEARTBEAT_S
            ) as socket:
                await self._serve(socket)
            return True
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            self._failure = error
            is_refused = isinstance(error, aiohttp.WSServerHandshakeError) and error.status == UNAUTHORIZED
            self._refusal = key_refused() if is_refused else None
            return False
        finally:
            self._disconnected()

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            first = await socket.receive()
        welcome = from_daemon(first.data) if first.type is aiohttp.WSMsgType.BINARY else None
        if not isinstance(welcome, Welcome):
            raise aiohttp.ClientError("the daemon does not speak of files")
        self._node = NodeId.parse(welcome.node_id)
        self._socket = socket
        for file_id, mode in self._files.modes().items():
            # Again, after the daemon was away; nobody waits for these answers.
            await self._send(Bind(0, file_id, mode))
        self._refusal = None
        self._answered.set()
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.BINARY:
                await self._take(from_daemon(frame.data))

    async def _take(self, message: object) -> None:
        match message:
            case Bound(number):
                self._settle(number, None)
            case Failed(number, text):
                self._settle(number, SharingError("The daemon does not share the file.", why=text))
            case AskSize() | AskChunk() | PutChunk() | PutEnd():
                await self._start(message)

    def _settle(self, number: int, error: Exception | None) -> None:
        answer = self._binding.get(number)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    async def _start(self, ask: Ask) -> None:
        while len(self._asks) >= MAX_ASKS:
            await asyncio.wait(self._asks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._answer(ask))
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _answer(self, ask: Ask) -> None:
        try:
            answer = Done(ask.number, await asyncio.to_thread(self._files.answer, ask))
        except SharingError as error:
            answer = Failed(ask.number, str(error))
        await self._send(answer)

    def _disconnected(self) -> None:
        self._socket = None
        if self._refusal is None:
            self._answered.clear()
        else:
            self._answered.set()
        for number in list(self._binding):
            self._settle(number, ConnectionResetError("the daemon went away"))

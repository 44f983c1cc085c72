"""The host's end of what a guest is told and tells: ports that are sockets here and files in the guest.

Port 1 is for orders that concern the machine. Each slot, in which one command runs at a time, has three more:
for the command and its end, for its output, and for its errors. Their text is that of ``init.sh``. A port has
no end, so the guest writes a mark, which the host has chosen, after the last byte of an output.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
import socket
from collections.abc import Sequence
from typing import Final, Self

from golemnet.runtime.errors import RuntimeFailure

BUFFER_BYTES: Final = 64 * 1024
KILL_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 5.0
KILLED: Final = 137
_MARK_START: Final = b"\x1e"


class OutputPort(asyncio.Protocol):
    """A port for the outputs of one command after the other, each up to its mark."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._stream: asyncio.StreamReader | None = None
        self._mark = self._held = b""
        self.free = asyncio.Event()
        self.free.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self, mark: bytes) -> asyncio.StreamReader:
        """What comes from now on, up to ``mark``; whoever does not read it stops its writer."""
        assert self._transport is not None
        self._mark, self._held = mark, b""
        self.free.clear()
        self._stream = asyncio.StreamReader(limit=BUFFER_BYTES)
        self._stream.set_transport(self._transport)
        return self._stream

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; what may be the beginning of the mark is held back."""
        if self._stream is None:
            return
        data = self._held + data
        start = data.rfind(_MARK_START)
        passed = start if start >= 0 and self._mark.startswith(data[start:]) else len(data)
        self._held = data[passed:]
        self._stream.feed_data(data[:passed])
        if self._held == self._mark:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio: the machine has ended."""
        self._end()

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.feed_eof()
            self._stream = None
            self.free.set()


class Conversation:
    """Lines to a port of the guest and back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, line: str) -> None:
        """Send a line."""
        self._writer.write(line.encode("utf-8", "surrogateescape") + b"\n")

    async def hear(self) -> list[str]:
        """The words of the next line; none when the machine has ended."""
        try:
            return (await self._reader.readline()).decode("ascii", "replace").split()
        except (ConnectionError, ValueError):
            return []

    def close(self) -> None:
        """Hear no more."""
        self._writer.close()


class Slot:
    """Where one command runs at a time."""

    def __init__(self, conversation: Conversation, out: OutputPort, err: OutputPort) -> None:
        self.conversation = conversation
        self.out, self.err = out, err
        self.process: GuestProcess | None = None

    @property
    def is_free(self) -> bool:
        """Whether the command before has ended, and nobody holds its outputs any more."""
        is_idle = self.process is None or self.process.ended
        return is_idle and self.out.free.is_set() and self.err.free.is_set()

    async def clear(self) -> None:
        """Take the outputs from those who were left in the background and hold them."""
        if self.process is not None:
            self.process.let_go()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self.out.free.wait()
            await self.err.free.wait()


class GuestProcess:
    """A command in a guest."""

    def __init__(self, slot: Slot, orders: Conversation, words: Sequence[str]) -> None:
        self._slot, self._orders = slot, orders
        mark = _MARK_START + secrets.token_hex(16).encode()
        self._stdout, self._stderr = slot.out.begin(mark), slot.err.begin(mark)
        slot.process = self
        line = shlex.join(words).replace("\n", "'\"$N\"'")
        slot.conversation.say(f"{mark.decode()} {line}")
        self._began = asyncio.Event()
        self._number = ""
        self._readers: Sequence[str] = ()
        self._attending = asyncio.create_task(self._attend())

    async def _attend(self) -> int:
        """The exit code, when it is known."""
        while words := await self._slot.conversation.hear():
            if words[0] == "began":
                self._number = words[1]
                self._began.set()
            if words[0] == "ended":
                self._readers = words[2:]
                return int(words[1])
        self._began.set()
        return KILLED

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What it writes to its standard output."""
        return self._stdout

    @property
    def stderr(self) -> asyncio.StreamReader:
        """What it writes to its standard error."""
        return self._stderr

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._attending.done()

    async def wait(self) -> int:
        """The exit code; 128 + signal number when a signal ended it."""
        return await asyncio.shield(self._attending)

    async def kill(self) -> None:
        """End it at once; harmless when it has ended. What it has started may live on."""
        await asyncio.wait({asyncio.ensure_future(self._began.wait())}, timeout=KILL_TIMEOUT_S)
        if not self.ended and self._number:
            self._orders.say(f"kill {self._number}")
            await asyncio.wait({self._attending}, timeout=KILL_TIMEOUT_S)

    def let_go(self) -> None:
        """Take its outputs from those who were left in the background and hold them."""
        self._orders.say(f"close {' '.join(self._readers)}")


class Link:
    """All ports of one machine."""

    def __init__(self, slots: int) -> None:
        self._pairs = [socket.socketpair() for _ in range(1 + 3 * slots)]
        self._transports: list[asyncio.BaseTransport] = []
        self.slots: list[Slot] = []
        self._is_up = False
        self._asking = asyncio.Lock()

    @property
    def guest_ends(self) -> list[int]:
        """Open files that QEMU has to inherit."""
        return [theirs.fileno() for _, theirs in self._pairs]

    async def open(self) -> Self:
        """Take up our ends, once QEMU has the others."""
        ours = [each for each, _ in self._pairs]
        for _, theirs in self._pairs:
            theirs.close()
        self.orders = await self._conversation(ours[0])
        for start in range(1, len(ours), 3):
            talk = await self._conversation(ours[start])
            self.slots.append(
                Slot(talk, await self._output(ours[start + 1]), await self._output(ours[start + 2]))
            )
        return self

    async def _conversation(self, ours: socket.socket) -> Conversation:
        reader, writer = await asyncio.open_connection(sock=ours)
        self._transports.append(writer.transport)
        return Conversation(reader, writer)

    async def _output(self, ours: socket.socket) -> OutputPort:
        transport, port = await asyncio.get_running_loop().create_connection(OutputPort, sock=ours)
        self._transports.append(transport)
        return port

    async def comes_up(self, timeout_s: float) -> bool:
        """Wait for the guest to say that it takes orders; whether it does."""
        self._is_up = bool(await self._answer("ready", timeout_s))
        return self._is_up

    async def ask(self, order: str, timeout_s: float = ANSWER_TIMEOUT_S) -> list[str]:
        """The answer's words to an order that has one; none if the machine does not answer, or not yet."""
        if not self._is_up:
            return []
        async with self._asking:
            self.orders.say(order)
            return await self._answer(order.partition(" ")[0], timeout_s)

    async def _answer(self, name: str, timeout_s: float) -> list[str]:
        """An answer begins with the name of its order; others are late ones to earlier orders."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (words := await self.orders.hear()) and words[0] != name:
                    pass
                return words
        return []

    async def run(self, words: Sequence[str]) -> GuestProcess:
        """Start a command in a slot that is free. Raises RuntimeFailure if none gets free."""
        return GuestProcess(await self._free_slot(), self.orders, words)

    async def _free_slot(self) -> Slot:
        over = [slot for slot in self.slots if slot.process is None or slot.process.ended]
        for slot in sorted(over, key=lambda slot: not slot.is_free):
            with contextlib.suppress(TimeoutError):
                if not slot.is_free:
                    await slot.clear()
                return slot
        raise RuntimeFailure(f"More than {len(self.slots)} commands at once do not run in this environment.")

    def close(self) -> None:
        """Safe to repeat."""
        for transport in self._transports:
            transport.close()
        for pair in self._pairs:
            for end in pair:
                end.close()

"""Following a command's output while it runs: kept for the result, passed on as events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from golemnet.exeunit.capture import CapturePlan, OutputBuffer, StreamDecoder, Text, present
from golemnet.runtime.driver import Process

CHUNK_BYTES: Final = 64 * 1024
DRAIN_TIMEOUT_S: Final = 1.0
ERROR_TAIL_BYTES: Final = 2000

Emit = Callable[[str, Text], None]


class Outcome(msgspec.Struct, frozen=True):
    """How a command has ended, and what was captured; ``error_tail`` is the end of its stderr."""

    code: int
    stdout: Text | None
    stderr: Text | None
    error_tail: str


class _Follower:
    """One output stream."""

    def __init__(self, name: str, plan: CapturePlan, emit: Emit) -> None:
        self._name = name
        self._plan = plan
        self._emit = emit
        self._buffer = OutputBuffer(plan)
        self._stream = StreamDecoder(plan)
        self._tail = OutputBuffer(CapturePlan(part="tail", limit=ERROR_TAIL_BYTES))
        self._is_over = False

    async def follow(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if not self._is_over:
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        self._buffer.feed(chunk)
        self._tail.feed(chunk)
        self._pass_on(self._stream.feed(chunk))

    def _pass_on(self, text: Text) -> None:
        if text and self._plan.stream:
            self._emit(self._name, text)

    def finish(self) -> Text | None:
        self._is_over = True
        self._pass_on(self._stream.finish())
        return present(self._buffer.kept(), self._plan)

    def tail(self) -> str:
        return self._tail.kept().decode("utf-8", "replace").strip()


async def follow(process: Process, stdout: CapturePlan, stderr: CapturePlan, emit: Emit) -> Outcome:
    """Read both outputs until the command has ended.

    A process that it leaves in the background may hold the outputs open; they are then read for
    ``DRAIN_TIMEOUT_S`` more, and what it writes later goes nowhere.
    """
    out, err = _Follower("stdout", stdout, emit), _Follower("stderr", stderr, emit)
    readers = {
        asyncio.create_task(out.follow(process.stdout)),
        asyncio.create_task(err.follow(process.stderr)),
    }
    try:
        code = await process.wait()
        await asyncio.wait(readers, timeout=DRAIN_TIMEOUT_S)
    except BaseException:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        raise
    return Outcome(code, out.finish(), err.finish(), err.tail() or out.tail())

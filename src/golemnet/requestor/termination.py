"""SIGTERM: what is running is stopped, providers are paid, and the program ends with status 143."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

STATUS = 128 + signal.SIGTERM
# Who ends a group of processes, as `timeout` does, sends it twice at once.
ONCE_S = 1.0


class Termination:
    """Listens for SIGTERM while it is entered, in the main thread, unless the program does so itself.

    The task that has entered is cancelled, and leaves by SystemExit. A second one ends the program at once.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        self._is_listening = self._is_ending = False
        self._heard: float | None = None

    def __enter__(self) -> Self:
        if _is_free():
            self._task = asyncio.current_task()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.hear)
            self._is_listening = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_listening:
            self._is_listening = False
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        if self._heard is not None:
            raise SystemExit(STATUS)

    def ending(self) -> None:
        """The program comes to its end already: that is not cut short."""
        self._is_ending = True

    def hear(self) -> None:
        """SIGTERM has come."""
        is_first = self._heard is None
        self._heard = _heard(self._heard)
        if is_first and self._task is not None and not self._is_ending:
            self._task.cancel()


class PlainTermination:
    """The same for programs without asyncio: the main thread leaves by SystemExit wherever it is."""

    def __init__(self) -> None:
        self._heard: float | None = None
        self._is_listening = _is_free()
        if self._is_listening:
            signal.signal(signal.SIGTERM, self._hear)

    def close(self) -> None:
        """Give the signal back."""
        if self._is_listening and threading.current_thread() is threading.main_thread():
            self._is_listening = False
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        is_first = self._heard is None
        self._heard = _heard(self._heard)
        if is_first:
            raise SystemExit(STATUS)


def _is_free() -> bool:
    """Whether this is the main thread, and the program does nothing about SIGTERM itself."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _heard(before: float | None) -> float:
    """When the first one has come. One that comes later, and not at once, ends the program."""
    now = time.monotonic()
    if before is None:
        print("terminated: everything is stopped, and providers are paid", file=sys.stderr, flush=True)
    elif now > before + ONCE_S:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    return now if before is None else before

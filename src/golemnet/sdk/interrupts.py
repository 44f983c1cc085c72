"""Ctrl-C: once lets what is running be finished, twice stops it; providers are paid in both cases."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupted(BaseException):
    """Ends calls after Ctrl-C. ``KeyboardInterrupt`` would end the event loop, and with it the payments."""


# What Python itself installs, and what asyncio.run does.
USUAL = ("default_int_handler", "_on_sigint")


class Interrupts:
    """Listens for Ctrl-C between ``listen`` and ``close``, if the loop runs in the main thread.

    Args:
        drain: called at the first one; whether there is anything to wait for.
        say: hears what happens now, for people.
    """

    def __init__(self, drain: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._drain = drain
        self._say = say
        self._before: Handler = None
        self._is_listening = False
        self._task: asyncio.Task[Any] | None = None
        self._is_paying = False
        self.count = 0
        self.is_stopped = False

    def listen(self) -> None:
        """Take the signal over, unless the program does something with it of its own."""
        self._before = signal.getsignal(signal.SIGINT)
        is_usual = _name(self._before) in USUAL
        if threading.current_thread() is threading.main_thread() and is_usual:
            self._task = asyncio.current_task()
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._hear)
            self._is_listening = True

    def close(self) -> None:
        """Give the signal back."""
        if self._is_listening:
            self._is_listening = False
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, self._before)

    def has_ended(self, error: BaseException | None) -> bool:
        """Whether it was Ctrl-C that has ended the work with ``error``."""
        if isinstance(error, BaseExceptionGroup):
            return error.subgroup(Interrupted) is not None
        is_ours = self.is_stopped and isinstance(error, asyncio.CancelledError)
        return is_ours or isinstance(error, Interrupted)

    def stop(self, text: str = "stopping; providers are still paid") -> None:
        """End the program, and say so; nothing if that is done."""
        if not self.is_stopped:
            self._cancel(text)

    def pay(self) -> None:
        """Everything has ended but the payments: from now on the first one does not end these."""
        self._is_paying, self.count = True, 0

    def _hear(self) -> None:
        self.count += 1
        if self._is_paying and self.count == 1:
            self._say("all is done, and providers are being paid; Ctrl-C again ends without that")
        elif self._is_paying:
            self._cancel("ending; what is not paid yet stays so")
        elif self.count == 1 and self._drain():
            self._say("what is running is finished first; Ctrl-C again stops it")
        else:
            self.stop()

    def _cancel(self, text: str) -> None:
        if self._task is not None:
            self.is_stopped = True
            if text:
                self._say(text)
            self._task.cancel()


def _name(handler: Handler) -> str:
    return getattr(getattr(handler, "func", handler), "__name__", "")

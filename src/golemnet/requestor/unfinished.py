"""A script that leaves its event loop before providers are paid: the loop goes on at the program's end.

The tutorial's ends so after Ctrl-C: it cancels its task, waits 0.3 s, and goes.
`asyncio.run` needs none of it.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - its threads end after what is registered after this
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

MOST_S = 40.0
NOTICE = "the script has ended: what it has begun is stopped, and providers are paid (Ctrl-C: at once)"


class Unfinished:
    """The tasks that have begun to buy and are not done with it."""

    def __init__(self) -> None:
        self._tasks: list[tuple[int, asyncio.Task[Any]]] = []
        self._is_registered = False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """What runs inside is finished when the program ends, however that comes."""
        task = asyncio.current_task()
        assert task is not None
        self._register()
        held = (os.getpid(), task)
        self._tasks.append(held)
        try:
            yield
        finally:
            self._tasks.remove(held)

    def finish(self) -> None:
        """Let tasks whose loop stands still come to their end, but not those that a fork has copied."""
        for process, task in list(self._tasks):
            loop = task.get_loop()
            if process == os.getpid() and not (task.done() or loop.is_closed() or loop.is_running()):
                print(NOTICE, file=sys.stderr, flush=True)
                with suppress(KeyboardInterrupt, SystemExit):
                    loop.run_until_complete(_end(task))

    def _register(self) -> None:
        if not self._is_registered:
            self._is_registered = True
            _at_exit(self.finish)


async def _end(task: asyncio.Task[Any]) -> None:
    if not task.cancelling():
        task.cancel()
    await asyncio.wait({task}, timeout=MOST_S)
    if task.done() and not task.cancelled():
        task.exception()  # nobody is there to see it


def _at_exit(function: Callable[[], None]) -> None:
    """While there are threads for files and names, which `atexit` is too late for."""
    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)
    register(function)


unfinished = Unfinished()

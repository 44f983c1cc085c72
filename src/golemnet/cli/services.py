"""Running a service as a process: its logs, its signals, and the word that it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from golemnet.daemon.logs import configure_logs
from golemnet.errors import GolemError
from golemnet.ready import announce_ready, take_starter

ADDRESS_HINT = "If it runs already, use that; else choose another by --port."
Service = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run_service(service: Service) -> None:
    """Run ``service`` until it ends, or until SIGTERM or SIGINT cancels it.

    The event that it is given, set by it, tells whoever started us that it can be used.

    Raises:
        GolemError: the service cannot go on, or its address cannot be had.
    """
    configure_logs()
    try:
        asyncio.run(_main(service))
    except OSError as error:
        hint = ADDRESS_HINT if error.errno == errno.EADDRINUSE else ""
        raise GolemError("The service cannot run.", why=str(error), next_step=hint) from error


async def _main(service: Service) -> None:
    ready = asyncio.Event()
    starter = take_starter()
    running = asyncio.create_task(service(ready))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    announcement = asyncio.create_task(_announce(ready.wait(), starter))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        announcement.cancel()


async def _announce(ready: Awaitable[bool], starter: str | None) -> None:
    await ready
    announce_ready(starter)

"""The process that owns a local network: when it ends, in whatever manner, all of the network does.

Started by ``launcher.launch`` as ``python -m golemnet.local.supervisor DIRECTORY CHOICES``. Its standard
output carries ``Progress`` lines until the network is ready, then it is closed; its errors are logged.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import structlog

from golemnet.chain.install import anvil_program, cache_directory, find_anvil
from golemnet.daemon.logs import configure_logs
from golemnet.errors import GolemError
from golemnet.local import control
from golemnet.local.layout import Layout
from golemnet.local.leftovers import remove_leftovers
from golemnet.local.lock import only_one
from golemnet.local.messages import NetworkState, Progress, Request
from golemnet.local.network import LocalNetwork
from golemnet.local.plan import Choices

log = structlog.get_logger(__name__)


class Supervisor:
    """Runs the network until SIGTERM, SIGINT, a ``stop`` request, or the end of the process it follows."""

    def __init__(self, layout: Layout, choices: Choices) -> None:
        self._layout = layout
        self._choices = choices
        self._started = time.monotonic()
        self._stopping = asyncio.Event()
        self._network = LocalNetwork(layout, choices, self._on_ready)

    async def run(self) -> None:
        """Bring the network up, wait, take it down."""
        self._listen_to_signals()
        remove_leftovers(self._layout)
        server = await control.serve(self._layout.control_socket, self._answer)
        try:
            await self._until_told()
        finally:
            await self._network.take_down()
            remove_leftovers(self._layout)
            server.close()
            self._layout.control_socket.unlink(missing_ok=True)

    async def _until_told(self) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        up = asyncio.create_task(self._bring_up())
        await asyncio.wait({stopping, up}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await asyncio.wait({up})
        elif error := up.exception():
            self._report(Progress(self._seconds(), failure=control.as_failure(_first(error))))
        else:
            self._report(Progress(self._seconds(), all_ready=True))
            _close_output()
            await stopping
        stopping.cancel()

    async def _bring_up(self) -> None:
        if find_anvil(cache_directory()) is None:
            # Apart from the chain's own start, which has not the time for it.
            self._report(Progress(self._seconds(), process="fetching anvil, the program of the chain (once)"))
            await anvil_program(cache_directory())
        await self._network.bring_up()

    async def _answer(self, request: Request) -> NetworkState | None:
        if request.do == "stop":
            self._stopping.set()
            await asyncio.get_running_loop().create_future()
        if request.do == "restart":
            await self._network.restart(request.name)
        return self._network.state()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopping.set)
        if self._choices.follow is not None:
            loop.add_reader(_open_process(self._choices.follow), self._stopping.set)

    def _on_ready(self, name: str) -> None:
        self._report(Progress(self._seconds(), process=name))

    def _report(self, progress: Progress) -> None:
        log.info(
            "progress", **{key: value for key, value in msgspec.structs.asdict(progress).items() if value}
        )
        try:
            os.write(1, msgspec.json.encode(progress) + b"\n")
        except BrokenPipeError:
            # Whoever started us has been killed and cannot take the network down any more.
            self._stopping.set()

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 2)


def main() -> None:
    """The supervisor's process."""
    configure_logs()
    layout = Layout.at(Path(sys.argv[1]))
    choices = msgspec.json.decode(sys.argv[2], type=Choices)
    try:
        with only_one(layout):
            asyncio.run(_run(layout, choices))
    except GolemError as error:
        os.write(1, msgspec.json.encode(Progress(0.0, failure=control.as_failure(error))) + b"\n")
        sys.exit(1)


async def _run(layout: Layout, choices: Choices) -> None:
    await Supervisor(layout, choices).run()


def _open_process(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        raise GolemError(f"There is no process {pid} to follow.", why=str(error)) from error


def _close_output() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _first(error: BaseException) -> GolemError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, GolemError):
        return error
    return GolemError("The local network could not be started.", why=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

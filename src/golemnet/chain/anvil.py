"""An anvil process: a chain on this machine whose state is on disk."""

from __future__ import annotations

import asyncio
import ctypes
import gzip
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from golemnet.chain.errors import ChainError, ChainUnreachable
from golemnet.chain.rpc import JsonRpc

CHAIN_ID = 91738
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
PORT_HINT = "If a chain of yours runs there, use it; else: golem chain run DIRECTORY --port ANOTHER."
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


class Anvil:
    """One anvil with its state in ``directory``.

    Its account (from the test phrase that everybody knows) is rich, and anvil itself signs for it. The state
    is written beside the old one and then renamed, so a crash leaves the one or the other.
    """

    def __init__(self, program: Path, directory: Path, port: int) -> None:
        self.rpc = JsonRpc(f"http://127.0.0.1:{port}")
        self._program = program
        self._directory = directory
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._saved_at = -1

    async def start(self) -> None:
        """Start the process on the stored state; returns when it answers.

        Raises:
            ChainError: the port is taken, or the process has ended.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        _require_free(self._port)
        with (self._directory / "anvil.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(), stdout=output, stderr=output, preexec_fn=_end_with_parent(os.getpid())
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._saved_at = await self._first_answer(self._process)
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> int:
        """Wait for the process to end; its exit status."""
        assert self._process is not None
        return await self._process.wait()

    async def save(self) -> bool:
        """Write the state to disk if there are new blocks since it was; whether it was written."""
        block = int(await self.rpc.call("eth_blockNumber"), 16)
        if block == self._saved_at:
            return False
        dump = await self.rpc.call("anvil_dumpState")
        await asyncio.to_thread(self._write, gzip.decompress(bytes.fromhex(dump[2:])))
        self._saved_at = block
        return True

    async def stop(self) -> None:
        """End the process; it is dead and reaped when this returns."""
        await self.rpc.close()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def _state(self) -> Path:
        return self._directory / "state.json"

    def _command(self) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(self._port), "--chain-id", str(CHAIN_ID)]
        options += ["--accounts", "2", "--balance", "1000000000", "--silent"]
        if self._state.exists():
            options += ["--load-state", str(self._state)]
        return [str(self._program), *options]

    async def _first_answer(self, process: asyncio.subprocess.Process) -> int:
        while process.returncode is None:
            try:
                return int(await self.rpc.call("eth_blockNumber"), 16)
            except ChainUnreachable:
                await asyncio.sleep(_POLL_S)
        raise ChainError(
            f"anvil has ended at once with status {process.returncode}.",
            why=f"Its output is in {self._directory / 'anvil.log'}.",
            next_step=f"If {self._state} is damaged, move it away: the next chain begins anew.",
        )

    def _write(self, state: bytes) -> None:
        part = self._state.with_suffix(".part")
        with part.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._state)


def _require_free(port: int) -> None:
    # Otherwise the answer of whoever has the port would be taken for that of our chain.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ChainError(
                f"The chain cannot have port {port}.", why=str(error), next_step=PORT_HINT
            ) from error


def _end_with_parent(parent: int) -> Callable[[], None]:
    """What the child does before it becomes anvil: ask the kernel to end it when its parent dies."""
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare

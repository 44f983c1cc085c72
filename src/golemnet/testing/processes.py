"""Programs as processes of their own, for tests and benchmarks that look at them from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from golemnet.daemon.settings import DATABASE_NAME
from golemnet.ready import READY
from golemnet.testing.anvil_chain import free_port
from golemnet.testing.nodes import APP_KEY

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
# A program that ends before it is ready says nothing.
LOOK_EVERY_S = 0.5
SHOWN_OF_LOG = 2000


class ProgramProcess:
    """A program within a ``with``, from ready to ended. Its log is in ``directory``."""

    def __init__(self, directory: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.directory = directory
        self._command = command
        self._environment = environment
        self._log = directory / "log"

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind("")  # the system chooses an abstract address
            notices.settimeout(LOOK_EVERY_S)
            address = "@" + notices.getsockname()[1:].decode()
            self._process = self._start({**os.environ, **self._environment, "NOTIFY_SOCKET": address})
            self._await_ready(notices)
        return self

    def _await_ready(self, notices: socket.socket) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                notices.recv(len(READY))
                return
            except TimeoutError:
                continue
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)
        raise RuntimeError(f"{' '.join(self._command)} does not get ready:\n{self.log[-SHOWN_OF_LOG:]}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(self._command, env=environment, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def memory_mb(self) -> float:
        """The memory that it holds at this moment."""
        return psutil.Process(self._process.pid).memory_info().rss / 1e6

    def connections(self) -> int:
        """How many TCP connections it has."""
        found = psutil.Process(self._process.pid).net_connections("tcp")
        return sum(each.status == psutil.CONN_ESTABLISHED for each in found)


class DaemonProcess(ProgramProcess):
    """A daemon that has the key ``APP_KEY``; ``environment`` holds more settings."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self.api_url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "YAGNA_DATADIR": str(directory),
            "YAGNA_API_URL": self.api_url,
            "YAGNA_AUTOCONF_APPKEY": APP_KEY,
            "GOLEM_NET_BIND": "127.0.0.1:0",
            **(environment or {}),
        }
        super().__init__(directory, [sys.executable, "-m", "golemnet.daemon"], settings)

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.directory / DATABASE_NAME


class ChainProcess(ProgramProcess):
    """A chain of its own; ``file`` describes it to daemons."""

    def __init__(self, directory: Path) -> None:
        program = Path(sys.executable).with_name("golem")
        super().__init__(
            directory, [str(program), "chain", "run", str(directory), "--port", str(free_port())], {}
        )
        self.file = directory / "chain.json"

"""The machine around a siege: files, a process, sockets and memory that no payload may reach."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from traces import Ground, Traces

from golemnet.runtime.commands import SEARCH_PATH

SIEGE = Path(__file__).with_name("siege.py")
SIEGE_TIMEOUT_S = 110
TRACES_TIMEOUT_S = 10.0
SHARED_KEY = 0x60_1E_33
NEIGHBOUR_PORT = 34_567
PRIVATE_DEVICE = "private0"
IPC_CREAT, IPC_RMID = 0o1000, 0


@dataclass
class Outcome:
    """What came through, by attempt; what the siege left; what it has done to the host."""

    through: dict[str, str | None]
    left: Traces
    harm: list[str]


@dataclass
class Host:
    """What there is to lose. All names hold ``marker``, so that it is found wherever it should not be."""

    home: Path
    marker: str
    process: int
    port: int

    @property
    def secret(self) -> Path:
        """A file that the user who runs the provider may read and write."""
        return self.home / f"secret-{self.marker}"

    @property
    def containers(self) -> list[str]:
        """The names of the attacker's environment and of its neighbour's."""
        return [f"escape-{self.marker}-{each}" for each in ("attacker", "neighbour")]

    def context(self, image: Path) -> dict:
        """What an attacker may know, which is everything."""
        return {
            "home": str(self.home),
            "image": str(image),
            "host_file": str(self.secret),
            "secret": self.marker,
            "secret_name": self.secret.name,
            "host_process": self.process,
            "marker": f"process-{self.marker}",
            "many_ids": os.geteuid() == 0,
            "containers": self.containers,
            "addresses": ["127.0.0.1", *_addresses()],
            "daemon_port": self.port,
            "device": PRIVATE_DEVICE,
            "abstract": f"host-{self.marker}",
            "neighbour_socket": f"neighbour-{self.marker}",
            "neighbour_port": NEIGHBOUR_PORT,
            "shared_key": SHARED_KEY,
        }


def besiege(driver: str, image: Path, program: Path = SIEGE) -> Outcome:
    """One whole siege by ``program``: from a new folder to what is left of it."""
    with _host() as host:
        command = [sys.executable, str(program), driver, json.dumps(host.context(image))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SIEGE_TIMEOUT_S, check=False)
        print(done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        harm = list(_harm(host))
        host.secret.unlink()
        left = Ground(host.home, set(host.containers)).traces_left(TRACES_TIMEOUT_S)
        return Outcome(json.loads(done.stdout.splitlines()[-1]), left, harm)


def attempts_on_the_host(names: Sequence[str]) -> dict[str, str | None]:
    """What comes through when the attempts ``names`` are made without any wall."""
    with _host() as host:
        program = SIEGE.with_name("attempts.py")
        command = [sys.executable, str(program), json.dumps(host.context(Path())), *names]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SIEGE_TIMEOUT_S, check=True)
        return dict(json.loads(line) for line in done.stdout.splitlines())


@contextlib.contextmanager
def _host() -> Iterator[Host]:
    marker, home = secrets.token_hex(8), Path(tempfile.mkdtemp(prefix="golem-escape-"))
    environment = {"PATH": "/usr/bin:/bin", "MARKER": f"process-{marker}"}
    process = subprocess.Popen(["sleep", "600"], env=environment)
    with _shared_memory(), socket.socket(socket.AF_UNIX) as abstract, socket.create_server(("", 0)) as port:
        abstract.bind(f"\0host-{marker}")
        abstract.listen()
        host = Host(home, marker, process.pid, port.getsockname()[1])
        host.secret.write_text(marker)
        host.secret.chmod(0o666)
        home.chmod(0o711)
        try:
            yield host
        finally:
            process.kill()
            process.wait()
            subprocess.run(["rm", "-rf", str(home)], check=True)


@contextlib.contextmanager
def _shared_memory() -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    segment = libc.shmget(SHARED_KEY, 4096, IPC_CREAT | 0o666)
    assert segment >= 0, os.strerror(ctypes.get_errno())
    yield
    libc.shmctl(segment, IPC_RMID, None)


def _harm(host: Host) -> Iterator[str]:
    if host.secret.read_text() != host.marker:
        yield "the host's file was changed"
    others = {each.name for each in host.home.iterdir()} - {host.secret.name, "attacker", "neighbour"}
    yield from (f"{name} was planted beside the activities" for name in sorted(others))
    if not Path(f"/proc/{host.process}/environ").read_bytes():
        yield "the host's process was ended"


def _addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk, contextlib.suppress(OSError):
        talk.connect(("192.0.2.1", 9))  # nothing is sent
        return [talk.getsockname()[0]]
    return []


def is_installed(program: str) -> bool:
    """Whether the driver's program is there, wherever root keeps it."""
    return shutil.which(program, path=SEARCH_PATH) is not None

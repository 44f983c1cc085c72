"""Where a local network keeps what, below its directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_DIRECTORY = Path("~/.local/share/golemnet/local")
# A unix socket's path has at most 107 bytes; the longest below the directory is of this length.
_MAX_DIRECTORY = 107 - len("/provider-99/yagna.sock")


@dataclass(frozen=True)
class Layout:
    """Paths of the network in ``directory``.

    ::

        control.sock      the supervisor listens here while the network is up
        lock              held by the supervisor
        secrets.json      keys; kept, so that the next start has the same nodes
        processes.json    who is running, for the next start if this one is killed
        chain/ registry/  data of the two services
        <node>/           data directory of a node's daemon; below it agent/ of the provider agent
        logs/<name>.log   what each process writes
    """

    directory: Path

    @classmethod
    def at(cls, directory: Path | None) -> Layout:
        """The layout below ``directory`` or below the default one.

        Raises:
            ValueError: the path is too long for the sockets in it.
        """
        path = (directory or DEFAULT_DIRECTORY).expanduser().absolute()
        if len(str(path)) > _MAX_DIRECTORY:
            raise ValueError(f"{path} is longer than the {_MAX_DIRECTORY} characters that sockets allow")
        return cls(path)

    @property
    def control_socket(self) -> Path:
        """Where the supervisor takes requests."""
        return self.directory / "control.sock"

    @property
    def lock(self) -> Path:
        """Locked while a supervisor lives."""
        return self.directory / "lock"

    @property
    def secrets_file(self) -> Path:
        """Keys of the nodes."""
        return self.directory / "secrets.json"

    @property
    def processes_file(self) -> Path:
        """Which processes are running."""
        return self.directory / "processes.json"

    @property
    def chain_directory(self) -> Path:
        """The chain's data."""
        return self.directory / "chain"

    @property
    def chain_file(self) -> Path:
        """What describes the chain."""
        return self.chain_directory / "chain.json"

    @property
    def registry_directory(self) -> Path:
        """The image registry's data."""
        return self.directory / "registry"

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.directory / "logs"

    def node(self, name: str) -> Path:
        """The data directory of the node ``name``."""
        return self.directory / name

    def agent(self, name: str) -> Path:
        """The data directory of the provider agent of the node ``name``."""
        return self.node(name) / "agent"

    def log(self, name: str) -> Path:
        """The log of the process ``name``."""
        return self.logs / f"{name}.log"

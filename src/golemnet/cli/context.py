"""What every ``yagna`` command is given: where the daemon is, and how to print."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from golemnet.errors import GolemError

if TYPE_CHECKING:
    from golemnet.rest.client import Client

SOCKET_HINT = "Start one by `yagna service run`, or name its data directory by --datadir."


@dataclass(frozen=True)
class Context:
    """The options that stand before or after any command.

    ``data_dir`` is None where the environment decides.
    """

    data_dir: Path | None = None
    as_json: bool = False

    def client(self) -> Client:
        """The door to the daemon of this data directory.

        Raises:
            GolemError: no daemon is running there.
        """
        from golemnet.daemon.settings import load_settings
        from golemnet.model.local_shell import start_hint
        from golemnet.rest.client import Client

        socket = load_settings({"data_dir": self.data_dir}).socket_path
        if not socket.is_socket():
            raise GolemError(
                "No daemon is running.",
                why=f"There is no socket {socket}.",
                next_step=SOCKET_HINT if self.data_dir is not None else start_hint(os.environ, SOCKET_HINT),
            )
        return Client.local(socket)


Given = Annotated[Context, Parameter(parse=False)]

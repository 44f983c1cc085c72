"""The process that the daemons and agents of a local network are forked from; started by its supervisor.

Each of them would load the same modules for most of a second. The network's directory on the command line is
for those who look at the list of processes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from golemnet.cli import ya_provider
from golemnet.daemon import __main__ as daemon
from golemnet.runtime.fork_server import serve

PROGRAMS = {"daemon": daemon.main, "ya-provider": ya_provider.main}


def main() -> None:
    """Serve until the supervisor ends."""
    _load()
    serve(_run)


def _load() -> None:
    """What the programs import late."""
    import uvloop  # noqa: F401

    import golemnet.cli.services
    import golemnet.daemon.process
    import golemnet.provider.opening  # noqa: F401


def _run(command: Sequence[str]) -> int:
    """Be the program that ``command`` names, with its arguments."""
    sys.argv = list(command)
    PROGRAMS[command[0]]()
    return 0


if __name__ == "__main__":
    main()

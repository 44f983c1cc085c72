"""The process that most programs of a local network are forked from; started by its supervisor.

Each of them would load the same modules for most of a second. Only the chain is on its own: the others wait
for it, and it need not wait for them. The network's directory is on the command line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from golemnet.daemon.memory import postpone_collection
from golemnet.daemon.settings import DATABASE_NAME
from golemnet.local.layout import Layout
from golemnet.local.plan import REQUESTOR
from golemnet.runtime.fork_server import serve

PROGRAMS = {
    "daemon": "golemnet.daemon.__main__",
    "ya-provider": "golemnet.cli.ya_provider",
    "golem": "golemnet.cli.golem",
}


def main() -> None:
    """Serve until the supervisor ends."""
    postpone_collection()
    _load(Layout.at(Path(sys.argv[1])))
    serve(_run)


def _load(layout: Layout) -> None:
    """What the programs import late. No module here may begin a thread."""
    if not (layout.node(REQUESTOR) / DATABASE_NAME).exists():
        import alembic.command  # noqa: F401 (only new databases need it)

    import uvloop  # noqa: F401

    import golemnet.cli.services
    import golemnet.cli.ya_provider
    import golemnet.daemon.process
    import golemnet.net.iroh_network
    import golemnet.provider.opening  # noqa: F401


def _run(command: Sequence[str]) -> int:
    """Be the program that ``command`` names, with its arguments."""
    sys.argv = list(command)
    import_module(PROGRAMS[command[0]]).main()
    return 0


if __name__ == "__main__":
    main()

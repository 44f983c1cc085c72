"""The ``golem`` command: the local network, and the services that anybody can host."""

from __future__ import annotations

import sys

from cyclopts import App

from golemnet.cli import golem_chain, golem_local, golem_registry
from golemnet.cli.output import show_error
from golemnet.errors import GolemError

app = App(name="golem", help="A Golem Network of your own.")
for group in (golem_local, golem_registry, golem_chain):
    app.command(group.app)


def main() -> None:
    """Run; an error that a person can act on ends with status 1 and says so on stderr."""
    try:
        app()
    except GolemError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

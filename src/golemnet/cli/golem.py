"""The ``golem`` command: the local network, and the services that anybody can host."""

from __future__ import annotations

from cyclopts import App

from golemnet.cli import golem_bootstrap, golem_chain, golem_local, golem_registry, golem_relay
from golemnet.cli.main import run_program

app = App(name="golem", help="A Golem Network of your own.")
for group in (golem_local, golem_registry, golem_chain, golem_bootstrap, golem_relay):
    app.command(group.app)


def main() -> None:
    """Run on the arguments of this process."""
    run_program(app)

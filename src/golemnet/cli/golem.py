"""The ``golem`` command: work on other machines, the local network, services that anybody can host."""

from __future__ import annotations

from cyclopts import App

from golemnet.cli import (
    golem_bootstrap,
    golem_chain,
    golem_doctor,
    golem_local,
    golem_providers,
    golem_registry,
    golem_relay,
    golem_runs,
    golem_serve,
    golem_work,
)
from golemnet.cli.main import run_program

app = App(name="golem", help="Run commands on other people's machines, or a Golem Network of your own.")
app.command(golem_work.run)
app.command(golem_work.map)
app.command(golem_serve.serve)
app.command(golem_work.estimate)
app.command(golem_runs.runs)
app.command(golem_runs.resume)
app.command(golem_doctor.doctor)
for group in (golem_providers, golem_local, golem_registry, golem_chain, golem_bootstrap, golem_relay):
    app.command(group.app)


def main() -> None:
    """Run on the arguments of this process."""
    run_program(app)

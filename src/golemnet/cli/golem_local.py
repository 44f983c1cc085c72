"""``golem local``: a whole network on this machine."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli.output import show_json, show_table
from golemnet.errors import GolemError
from golemnet.local.layout import Layout
from golemnet.local.messages import NetworkState, Progress, Request
from golemnet.local.plan import DEFAULT_SUBNET, DRIVERS, Choices

Directory = Annotated[Path | None, Parameter(name=["--dir", "-d"])]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Parameter(negative="")

app = App(name="local", help="Run a whole network on this machine: chain, registry, requestor, providers.")


@app.command
def up(
    *,
    providers: Annotated[int, Parameter(name=["--providers", "-n"])] = 3,
    subnet: str = DEFAULT_SUBNET,
    fresh: Annotated[bool, Flag] = False,
    driver: str = DRIVERS[0],
    follow: int | None = None,
    directory: Directory = None,
    json: AsJson = False,
) -> None:
    """Start the network; it runs until `golem local down`.

    Args:
        providers: how many.
        subnet: the market's subnet that they sell on.
        fresh: forget what an earlier network in the same directory knew.
        driver: how its scripts pay: erc20 (transactions) or voucher.
        follow: end the network when the process with this id ends.
        directory: where its data is (default ~/.local/share/golemnet/local).
        json: print the environment of a script as JSON.
    """
    from golemnet.local.launcher import launch, remove

    layout = _layout(directory)
    if fresh:
        remove(layout)
    launch(layout, Choices(providers, subnet, follow, driver), _show_progress)
    environment = _state(layout).environment
    if json:
        show_json(environment)
    else:
        _say("\nIn each terminal that should use it:  " + _env_command(directory))


@app.command
def down(*, remove: Annotated[bool, Flag] = False, directory: Directory = None) -> None:
    """End the network and everything that belongs to it.

    Args:
        remove: delete its data as well: chain, identities, logs.
        directory: the network's.
    """
    from golemnet.local import launcher

    layout = _layout(directory)
    was_up = asyncio.run(launcher.take_down(layout))
    if remove:
        launcher.remove(layout)
    _say("The local network has ended." if was_up else "The local network was not up.")


@app.command
def status(*, directory: Directory = None, json: AsJson = False) -> None:
    """Show every process: its state, memory, identity and balance.

    Args:
        directory: the network's.
        json: print JSON for programs.
    """
    import msgspec

    from golemnet.cli.local_tables import status_table
    from golemnet.local.status import network_status

    lines = asyncio.run(network_status(_state(_layout(directory))))
    if json:
        show_json([msgspec.structs.asdict(line) for line in lines])
    else:
        show_table(status_table(lines))


@app.command
def env(*, directory: Directory = None, json: AsJson = False) -> None:
    """Print the environment that a script needs: eval "$(golem local env)".

    Args:
        directory: the network's.
        json: print JSON for programs.
    """
    environment = _state(_layout(directory)).environment
    if json:
        show_json(environment)
        return
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command
def logs(
    name: str | None = None,
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    lines: int = 20,
    directory: Directory = None,
) -> None:
    """Show what the processes write.

    Args:
        name: one process; all of them if not given.
        follow: go on until Ctrl-C.
        lines: how many of each to begin with.
        directory: the network's.
    """
    layout = _layout(directory)
    files = [layout.log(name)] if name else sorted(layout.logs.glob("*.log"))
    missing = [file.stem for file in files if not file.exists()]
    if missing or not files:
        known = ", ".join(sorted(file.stem for file in layout.logs.glob("*.log"))) or "none yet"
        raise GolemError(f"There is no log of {name or 'any process'}.", next_step=f"There are: {known}.")
    options = ["-n", str(lines), *(["-F"] if follow else [])]
    os.execvp("tail", ["tail", *options, *map(str, files)])


@app.command
def restart(name: str, *, directory: Directory = None) -> None:
    """Start one process anew, whether it has ended or not.

    Args:
        name: as `golem local status` shows it.
        directory: the network's.
    """
    from golemnet.local.control import ask

    asyncio.run(ask(_layout(directory), Request("restart", name)))


def _state(layout: Layout) -> NetworkState:
    from golemnet.local.control import ask

    network = asyncio.run(ask(layout, Request("state")))
    assert network is not None
    return network


def _layout(directory: Path | None) -> Layout:
    try:
        return Layout.at(directory)
    except ValueError as error:
        raise GolemError("The directory cannot be used.", why=str(error)) from error


def _show_progress(progress: Progress) -> None:
    what = "The local network is ready." if progress.all_ready else progress.process
    _say(f"{progress.seconds:6.2f} s  {what}")


def _env_command(directory: Path | None) -> str:
    option = f" --dir {shlex.quote(str(directory))}" if directory else ""
    return f'eval "$(golem local env{option})"'


def _say(text: str) -> None:
    print(text, file=sys.stderr)

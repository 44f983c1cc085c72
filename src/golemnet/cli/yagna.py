"""The ``yagna`` command: run a node, and look after it."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli import yagna_activity, yagna_app_key, yagna_id, yagna_net, yagna_payment, yagna_service
from golemnet.cli.context import Context
from golemnet.cli.main import run_program
from golemnet.daemon.version import own_version

app = App(name="yagna", help="A node of the Golem Network.", version=own_version, version_flags=["--version"])
for group in (yagna_service, yagna_app_key, yagna_id, yagna_payment, yagna_net, yagna_activity):
    app.command(group.app)


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    datadir: Annotated[Path | None, Parameter(name=["--datadir", "--data-dir", "-d"])] = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Run a command.

    Args:
        datadir: the node's data directory (YAGNA_DATADIR; default ~/.local/share/yagna).
        json: print JSON for programs.
    """
    command, bound, ignored = app.parse_args(tokens)
    given = {"context": Context(datadir, json)} if "context" in ignored else {}
    result = command(*bound.args, **bound.kwargs, **given)
    if inspect.isawaitable(result):
        asyncio.run(_finish(result))


async def _finish(result: object) -> None:
    assert inspect.isawaitable(result)
    await result


def main() -> None:
    """Run on the arguments of this process."""
    run_program(app.meta)

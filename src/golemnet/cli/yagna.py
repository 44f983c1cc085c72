"""The ``yagna`` command: run a node, and look after it."""

from __future__ import annotations

import asyncio
import inspect
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli import yagna_activity, yagna_app_key, yagna_id, yagna_net, yagna_payment, yagna_service
from golemnet.cli.context import Context
from golemnet.cli.output import show_error
from golemnet.daemon.version import own_version
from golemnet.errors import GolemError

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

    Parameters
    ----------
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
    """Run; an error that a person can act on ends with status 1 and says so on stderr."""
    try:
        app.meta(sys.argv[1:])
    except GolemError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

"""``golem runs`` and ``golem resume``: runs that have a name, and going on with one after a crash."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

from cyclopts import Parameter

from golemnet.cli.output import Row, show_rows


def runs(*, json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List the runs that have a name, the latest first; those that have stopped can be resumed.

    Args:
        json: print JSON for programs.
    """
    from golemnet.sdk.runs import runs

    rows: list[Row] = [
        {
            "run": each.run,
            "state": each.state,
            "done": each.done,
            "began": each.began,
            "command": shlex.join(each.arguments[1:])[:100],
        }
        for each in runs()
    ]
    show_rows(rows, as_json=json, columns=("run", "state", "done", "began", "command"))


def resume(run: str, /) -> None:
    """Start a run again as it was started, in its folder; what was done is not done again.

    What its commands were given on the standard input has to be given again.

    Args:
        run: its name, as `golem runs` shows it.
    """
    from golemnet.sdk.runs import command_of

    found = command_of(run)
    os.chdir(found.folder)
    os.environ["GOLEM_RUN"] = run
    os.execv(found.arguments[0], list(found.arguments))

"""``golem runs`` and ``golem resume``: runs that have a name, and going on with one after a crash."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from golemnet.cli.output import Row, compact_table, show_json, show_table

if TYPE_CHECKING:
    from golemnet.sdk.runs import Summary


COLUMNS = ("run", "state", "done", "began (UTC)", "command")
MAX_SHOWN = 100


def runs(
    *,
    forget: Annotated[list[str] | None, Parameter(negative="")] = None,
    forget_all: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """List the runs that have a name, the latest first; those that have stopped can be resumed.

    Args:
        forget: remove this run instead; may be given more than once.
        forget_all: remove all that are not running.
        json: print JSON for programs.
    """
    from golemnet.requestor.summary import counted
    from golemnet.sdk import runs as known

    if forget_all:
        print(f"{counted(known.forget_all(), 'run')} forgotten")
    elif forget:
        for run in forget:
            known.forget(run)
    elif json:
        show_json([_fields(each) for each in known.runs()])
    else:
        show_table(compact_table([_cells(each) for each in known.runs()], COLUMNS, ("done",), COLUMNS[:4]))


def _fields(run: Summary) -> Row:
    command = _command(run.arguments)
    return {"run": run.run, "state": run.state, "done": run.done, "began": run.began, "command": command}


def _cells(run: Summary) -> dict[str, str]:
    began = f"{run.began:%Y-%m-%d %H:%M}"
    command = " ".join(_command(run.arguments).split())  # a whole script may follow -c
    texts = (run.run, run.state, str(run.done), began, command)
    return dict(zip(COLUMNS, texts, strict=True))


def _command(arguments: Sequence[str]) -> str:
    """As a person has typed it: a program that is installed beside the interpreter by its name alone."""
    interpreter, program, *more = [*arguments[:1], *(arguments[1:] or [""])]
    if Path(program).parent == Path(interpreter).parent:
        program = Path(program).name
    return shlex.join([program, *more])[:MAX_SHOWN]


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

"""How every program ends: an error that a person can act on is told as such, with a status for scripts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from cyclopts import App, CycloptsError

from golemnet.cli.output import show_error
from golemnet.errors import GolemError


def run_program(app: App) -> None:
    """Run ``app`` on the arguments of this process.

    A failure ends with status 1, arguments that make no sense with 2, Ctrl-C with 130, and who reads no
    further what is written (``| head``) ends it as SIGPIPE would.
    """
    try:
        app(sys.argv[1:], exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        show_error(_misuse(error))
        sys.exit(2)
    except GolemError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        _write_no_more()
        sys.exit(128 + signal.SIGPIPE)


def _write_no_more() -> None:
    """Python writes what is left at its end, and would complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _misuse(error: CycloptsError) -> GolemError:
    command = " ".join([Path(sys.argv[0]).name, *(error.command_chain or ())])
    return GolemError(str(error), next_step=f"`{command} --help` shows what there is.")

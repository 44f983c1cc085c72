"""``exe-unit``: runs one activity; started by the provider agent, never by hand.

``--serve`` starts the process that the agent has its ExeUnits forked from. The heavy modules are imported
late: as root an ExeUnit first divides itself into a guard and a caged process, which works only before there
are threads.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

SERVE = "--serve"


def main() -> None:
    """Serve, or read the command line, enter the cage, run the activity."""
    if sys.argv[1:2] == [SERVE]:
        _serve()
    else:
        _die_with_parent()
        sys.exit(_run(sys.argv[1:]))


def _serve() -> None:
    gc.disable()  # until what stays has been loaded
    import golemnet.exeunit.program  # noqa: F401 (what is loaded here need not be loaded in each copy)
    from golemnet.runtime.fork_server import serve

    serve(_run)


def _run(command_line: Sequence[str]) -> int:
    arguments = _parse(command_line)
    _enter_cage()

    from golemnet.exeunit.program import run

    return run(arguments)


def _parse(command_line: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exe-unit", description="Run one activity of a Golem provider.")
    parser.add_argument("--activity-id", required=True, help="id of the activity")
    parser.add_argument("--agreement", required=True, type=Path, help="file with the agreement as JSON")
    parser.add_argument(
        "--work-dir", required=True, type=Path, help="folder of this activity; removed at the end"
    )
    parser.add_argument(
        "--cache-dir", required=True, type=Path, help="folder for images and files, shared by activities"
    )
    parser.add_argument("--runtime", help="driver that the self-test has chosen: crun, runc or bwrap")
    return parser.parse_args(command_line)


def _die_with_parent() -> None:
    """A provider agent that dies takes its ExeUnits with it, in good order."""
    from golemnet.runtime import kernel

    parent = os.getppid()
    kernel.die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


def _enter_cage() -> None:
    from golemnet.runtime import cage

    if os.geteuid() == 0:
        cage.enter()


if __name__ == "__main__":
    main()

"""``exe-unit``: runs one activity; started by the provider agent, never by hand.

The heavy modules are imported late: as root the process first divides itself into a guard and a
caged process, which works only before there are threads and costs least while it is small.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Read the command line, enter the cage, serve the activity."""
    arguments = _parse(sys.argv[1:])
    _die_with_agent()
    _enter_cage()

    from golemnet.exeunit.program import run

    sys.exit(run(arguments))


def _parse(command_line: list[str]) -> argparse.Namespace:
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


def _die_with_agent() -> None:
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

"""``golem doctor``: what is in the way of a run, a line for each thing that was looked at."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from golemnet.cli.output import show_json


def doctor(*, json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Look at daemon, funds, files, subnet, registry and clock; status 1 if something is not well.

    Args:
        json: print JSON for programs.
    """
    from golemnet.sdk.doctor import examine

    findings = asyncio.run(examine())
    if json:
        show_json([msgspec.structs.asdict(each) for each in findings])
    else:
        for each in findings:
            print(f"{'ok    ' if each.is_well else 'not ok'}  {each.name:<9} {each.found}")
            if each.next_step:
                print(f"{'':18}{each.next_step}")
    sys.exit(0 if all(each.is_well for each in findings) else 1)

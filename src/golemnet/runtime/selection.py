"""Which drivers exist, best first, and how one is made."""

from __future__ import annotations

import os
from pathlib import Path

from golemnet.runtime.bwrap import BwrapDriver
from golemnet.runtime.driver import Driver
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.oci import OciDriver

AS_ROOT = ("crun", "runc")
AS_USER = ("bwrap",)


def candidates() -> tuple[str, ...]:
    """Names of the drivers that this user may try, best first."""
    return AS_ROOT if os.geteuid() == 0 else AS_USER


def needs_cage() -> bool:
    """Whether the process that uses a driver must first call ``golemnet.runtime.cage.enter``."""
    return os.geteuid() == 0


def make_driver(name: str, container: str, work_dir: Path) -> Driver:
    """A driver for one activity.

    Args:
        name: crun, runc or bwrap.
        container: a name that is unique on this machine.
        work_dir: a folder of its own; ``stop`` removes it.

    Raises:
        NoRuntime: the name is unknown or its program is not installed.
    """
    if name in AS_ROOT:
        return OciDriver(name, container, work_dir)
    if name in AS_USER:
        return BwrapDriver(container, work_dir)
    raise NoRuntime(f"There is no runtime driver called {name!r}.", next_step="Choose crun, runc or bwrap.")

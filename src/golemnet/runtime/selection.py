"""Which drivers exist, best first, and how one is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from golemnet.runtime.bwrap import BwrapDriver
from golemnet.runtime.driver import Driver
from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.oci import OciDriver

AS_ROOT = ("crun", "runc")
AS_USER = ("bwrap",)
EMULATED = "vm-emulated"
MACHINES = ("vm", EMULATED)
SETTING = "GOLEM_RUNTIME"


def candidates(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of the drivers that this user may try, best first.

    The owner may choose one by ``GOLEM_RUNTIME``; ``vm-emulated``, which is slow, is tried in no other way.
    """
    if chosen := environment.get(SETTING):
        return (chosen,)
    return ("vm", *_containers())


def usual() -> str:
    """The driver that is taken untested where none is named."""
    return candidates()[0] if os.environ.get(SETTING) else _containers()[0]


def _containers() -> tuple[str, ...]:
    return AS_ROOT if os.geteuid() == 0 else AS_USER


def needs_cage() -> bool:
    """Whether the process that uses a driver must first call ``golemnet.runtime.cage.enter``."""
    return os.geteuid() == 0


def make_driver(name: str, container: str, work_dir: Path) -> Driver:
    """A driver for one activity.

    Args:
        name: vm, vm-emulated, crun, runc or bwrap.
        container: a name that is unique on this machine.
        work_dir: a folder of its own; ``stop`` removes it.

    Raises:
        NoRuntime: the name is unknown or its program is not installed.
    """
    if name in AS_ROOT:
        return OciDriver(name, container, work_dir)
    if name in AS_USER:
        return BwrapDriver(container, work_dir)
    if name in MACHINES:
        # late: the others need not wait for what unpacks kernels' modules
        from golemnet.runtime.vm.driver import VmDriver

        return VmDriver(container, work_dir, emulated=name == EMULATED)
    known = ", ".join((*MACHINES, *AS_ROOT, *AS_USER))
    raise NoRuntime(f"There is no runtime driver called {name!r}.", next_step=f"Choose one of {known}.")

"""A process of its own kind for root's ExeUnits: private mounts and a pid namespace.

When the first process of a pid namespace dies, in whatever way, the kernel kills everything that it
started, containers included; with the last of them go their mounts and loop devices. So a SIGKILL
of an ExeUnit leaves nothing that runs and nothing mounted, without anybody's help.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final, NoReturn

from golemnet.runtime import kernel
from golemnet.runtime.cgroups import ROOT, UNIFIED, is_hybrid

STAGE: Final = Path("/run/golem")
"""Where the cage mounts: a small tmpfs that only the cage sees and every user in it can reach."""

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def enter() -> None:
    """Go on as the first process of a new cage; call it before any thread is started, as root.

    The calling process stays behind as a guard: it passes SIGTERM, SIGINT and SIGHUP on, ends with
    the exit code of the caged process, and takes the cage with it when it is killed.
    """
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
    alive, held = os.pipe()
    child = os.fork()
    if child:
        os.close(alive)
        _guard(child)
    os.close(held)
    kernel.die_with_parent(signal.SIGKILL)
    _leave_if_orphaned(alive)
    _make_mounts_private()


def _leave_if_orphaned(alive: int) -> None:
    """The guard may have died before we asked to die with it; then its end of the pipe is closed."""
    os.set_blocking(alive, False)
    try:
        os.read(alive, 1)
        os._exit(1)
    except BlockingIOError:
        os.close(alive)


def _make_mounts_private() -> None:
    kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    STAGE.mkdir(mode=0o755, exist_ok=True)
    kernel.mount("golem", str(STAGE), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    if is_hybrid():
        # crun refuses hybrid trees; without the v2 half it sees plain v1, where the controllers are. It
        # makes folders in the place of that half, which must not be the host's.
        kernel.mount("golem", str(ROOT / UNIFIED), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")


def _guard(child: int) -> NoReturn:
    for number in _FORWARDED:
        signal.signal(number, lambda received, _frame: _pass_on(child, received))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _pass_on(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except ProcessLookupError:
        pass

"""Removing what dead ExeUnits have left: folders, control groups and, outside of a cage, mounts."""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from golemnet.runtime import cgroups, kernel
from golemnet.runtime.environment_folder import MARKER, Marker, find_abandoned
from golemnet.runtime.families import kill_family, processes_of
from golemnet.runtime.removal import remove_tree

DEATH_TIMEOUT_S = 5.0
LOOK_S = 0.01

log = structlog.get_logger(__name__)


def clean_up(state_dir: Path) -> list[str]:
    """Remove everything of environments below ``state_dir`` whose owner has died.

    Called before anything is offered and after a network's end; running environments are left alone.
    Returns the names of the containers that were removed.
    """
    abandoned = find_abandoned(state_dir)
    for folder, marker in abandoned:
        _remove(folder, marker)
        log.info("abandoned_environment_removed", container=marker.container, folder=str(folder))
    return [marker.container for _, marker in abandoned]


def clean_up_after(folder: Path, timeout_s: float = DEATH_TIMEOUT_S) -> None:
    """Remove the environment in ``folder``, whose owner is dead or dying; it blocks.

    A killed ExeUnit is seen to have ended a moment before the process in its cage, which owns the folder.
    """
    deadline = time.monotonic() + timeout_s
    while (folder / MARKER).exists() and not clean_up(folder):
        if time.monotonic() > deadline:
            log.warning("environment_still_owned", folder=str(folder))
            return
        time.sleep(LOOK_S)


def _remove(folder: Path, marker: Marker) -> None:
    if marker.container:
        cgroups.remove(marker.container)
    # a sandbox whose owner died while it was set up waits for ever
    for process in processes_of(f"{folder}/root"):
        kill_family(process)
    for mounted in _mounts_below(folder):
        _unmount(mounted)
    if not _mounts_below(folder):
        remove_tree(folder)


def _mounts_below(folder: Path) -> list[str]:
    prefix = str(folder.resolve()) + "/"
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    targets = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return sorted((target for target in targets if target.startswith(prefix)), reverse=True)


def _unmount(target: str) -> None:
    try:
        kernel.unmount(target)
    except OSError as error:
        log.warning("mount_left_behind", target=target, error=str(error))

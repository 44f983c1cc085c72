"""A temporary folder that is gone after its process, however that ends: the next one sweeps."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from golemnet.file_locks import lock, try_lock

PREFIX = "golem-requestor-"
LOCK = ".lock"
# A folder that was made a moment ago may not be locked yet; one without a lock is of an older version.
YOUNG_S = 60.0
LOCKLESS_S = 86400.0


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own; what killed processes have left is removed first."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, (Path(name) / LOCK).open("w") as held:
        lock(held)
        yield Path(name)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether a folder of ours belongs to no process any more."""
    facts = folder.lstat()
    age_s = time.time() - facts.st_mtime
    if facts.st_uid != os.getuid() or folder.is_symlink() or age_s < YOUNG_S:
        return False
    try:
        held = (folder / LOCK).open("r+")
    except FileNotFoundError:
        return age_s > LOCKLESS_S
    with held:
        return try_lock(held)

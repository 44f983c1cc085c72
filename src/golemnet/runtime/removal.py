"""Removing what a payload has written: trees that are deeper than any path, or locked by their own rights."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from golemnet.runtime import commands, kernel

TIMEOUT_S = 300.0


def remove_tree(folder: Path) -> None:
    """Remove ``folder`` and everything in it, links as such; it blocks, and what is gone is fine."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        # these two walk by open folders, not by names, and so know no deepest level
        for program, *options in (("chmod", "-R", "u+rwx"), ("rm", "-rf")):
            _run(commands.find(program, "coreutils"), *options, "--", str(folder))


def remove_link(root: Path, path: str) -> None:
    """Remove what is at ``path`` in the tree ``root`` if it is a link; none on the way leads out of it."""
    folder, _, name = path.rpartition("/")
    with contextlib.suppress(OSError):
        base = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            parent = kernel.open_inside(base, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
        finally:
            os.close(base)
        try:
            os.readlink(name, dir_fd=parent)
            os.unlink(name, dir_fd=parent)
        finally:
            os.close(parent)


def _run(*command: str) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=TIMEOUT_S, check=False)

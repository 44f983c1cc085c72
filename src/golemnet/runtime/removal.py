"""Removing what a payload has written: trees that are deeper than any path, or locked by their own rights."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from golemnet.runtime import commands

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


def _run(*command: str) -> None:
    quiet = subprocess.DEVNULL
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=TIMEOUT_S, check=False)

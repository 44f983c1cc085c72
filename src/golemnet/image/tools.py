"""Programs of the system that build images: found, or asked for by the exact command that installs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from golemnet.image.errors import ImageError, MissingTool

_LAST_WORDS = 2000


def find_tool(program: str, package: str) -> str:
    """The path of ``program``.

    Raises:
        MissingTool: it is not installed; Debian's ``package`` has it.
    """
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        raise MissingTool(
            f"{program} is not installed.",
            why="Images are built by it.",
            next_step=f"Run: sudo apt-get install --no-install-recommends {package}",
        )
    return found


def run_tool(
    command: Sequence[str],
    *,
    timeout_s: float,
    feed: Callable[[IO[bytes]], None] | None = None,
    output: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run ``command`` to its end.

    Args:
        command: program and arguments.
        timeout_s: how long the program may take after its input has ended.
        feed: writes the program's standard input.
        output: where its standard output goes; it is dropped if None.
        env: variables on top of our own.

    Raises:
        ImageError: it failed; the reason is the end of what it wrote.
    """
    with tempfile.TemporaryFile() as log, (output or Path(os.devnull)).open("wb") as out:
        stdin = subprocess.PIPE if feed else subprocess.DEVNULL
        process = subprocess.Popen(
            list(command), stdin=stdin, stdout=out, stderr=log, env={**os.environ, **(env or {})}
        )
        try:
            if feed and process.stdin:
                _feed(process.stdin, feed)
            status = process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ImageError(f"{command[0]} has not ended within {timeout_s:.0f} s.") from error
        finally:
            process.kill()
            process.wait()
        if status != 0:
            raise ImageError(f"{command[0]} failed with status {status}.", why=_end_of(log))


def _feed(stdin: IO[bytes], feed: Callable[[IO[bytes]], None]) -> None:
    try:
        with stdin:
            feed(stdin)
    except BrokenPipeError:
        # The program has ended early; its status and its last words say why.
        return


def _end_of(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS))
    return log.read().decode(errors="replace").strip()

"""Programs that use a client library as its authors have published it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

JOB_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Ended:
    """A program that has ended by itself: its exit status and all that it has printed."""

    status: int
    output: str

    def said(self, word: str) -> list[list[str]]:
        """The lines that begin with ``word``, as the words after it."""
        lines = [line.split() for line in self.output.splitlines()]
        return [words[1:] for words in lines if words[:1] == [word]]


async def run_program(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], timeout_s: float
) -> Ended:
    """Run ``command`` in ``folder`` to its end. Raises TimeoutError when it does not end in time."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[bytes] = []
    try:
        async with asyncio.timeout(timeout_s):
            async for line in process.stdout:
                said.append(line)
            status = await process.wait()
    except TimeoutError as error:
        raise TimeoutError(f"no end in {timeout_s:g} s:\n{_text(said)}") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(status, _text(said))


def user_environment(network: Mapping[str, str]) -> dict[str, str]:
    """What a user's terminal has after ``eval "$(golem local env)"``, and no Python path of ours."""
    return dict(_without_python({**os.environ, **network, "PATH": _search_path()}))


def _without_python(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in environment.items() if name != "PYTHONPATH")


def _search_path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def _text(said: Sequence[bytes]) -> str:
    return b"".join(said).decode(errors="replace")

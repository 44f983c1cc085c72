"""The runs that have a journal here: which there are, and how one of them was started."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.sdk.journal import SUFFIX, folder, is_locked, path_of
from golemnet.sdk.journal_lines import Began, Done, Ended, lines_of

KEPT_FOR = timedelta(days=30)


class Summary(msgspec.Struct, frozen=True):
    """A run as a person sees it; ``state`` is running, stopped or ended."""

    run: str
    state: str
    done: int
    began: datetime
    arguments: Sequence[str]
    folder: str


def runs() -> list[Summary]:
    """All runs that are known, the latest first; those that ended long ago are forgotten."""
    found = [each for path in folder().glob(f"*{SUFFIX}") if (each := _summary(path)) is not None]
    return sorted(found, key=lambda each: each.began, reverse=True)


def command_of(run: str) -> Summary:
    """A run that can go on. Raises GolemError if there is none of this name, or it is not stopped."""
    path = path_of(run)
    found = _summary(path) if path.exists() else None
    if found is None:
        raise GolemError(f"There is no run {run}.", next_step="`golem runs` shows what there is.")
    if found.state != "stopped":
        raise GolemError(
            f"The run {run} is not stopped: it {'has ' * (found.state == 'ended')}{found.state}."
        )
    return found


def forget(run: str) -> None:
    """Remove what is known of a run. Raises GolemError if there is none of this name, or it is running."""
    path = path_of(run)
    if not path.exists():
        raise GolemError(f"There is no run {run}.", next_step="`golem runs` shows what there is.")
    if is_locked(path):
        raise GolemError(f"The run {run} is running.", next_step="Stop it by Ctrl-C first.")
    path.unlink(missing_ok=True)


def forget_all() -> int:
    """Remove what is known of all runs but those that are running; how many these were."""
    still = [path for path in folder().glob(f"*{SUFFIX}") if not is_locked(path)]
    for path in still:
        path.unlink(missing_ok=True)
    return len(still)


def _summary(path: Path) -> Summary | None:
    with path.open("rb") as file:
        lines = [line for _, _, line in lines_of(file)]
    if not lines or not isinstance(lines[0], Began):
        return None
    first, last = lines[0], lines[-1]
    if isinstance(last, Ended):
        if datetime.now(UTC) - last.at > KEPT_FOR:
            path.unlink(missing_ok=True)
            return None
        state, done = "ended", last.done
    else:
        done = sum(isinstance(line, Done) for line in lines)
        state = "running" if is_locked(path) else "stopped"
    return Summary(path.name.removesuffix(SUFFIX), state, done, first.at, first.arguments, first.folder)

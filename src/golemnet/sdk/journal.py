"""What a run has finished, on disk: a run that is started again under its name goes on where it stopped.

A line of JSON for each thing that has happened, written before anybody acts on it. A line that a crash has
cut off is taken away when the run goes on. What a journal holds of results is read as what strangers sent.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path
from typing import Any

import msgspec

from golemnet.errors import GolemError
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.home import home

NAME = re.compile(r"[\w.-]{1,100}")
KEPT_FOR = timedelta(days=30)
SUFFIX = ".run"


class Began(msgspec.Struct, frozen=True, tag="began"):
    """The first line: how the run was started, so that it can be started again."""

    arguments: Sequence[str]
    folder: str
    at: datetime


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A call has come to a result; ``value`` is its pickle."""

    key: str
    provider_id: str
    provider_name: str
    seconds: float
    value: bytes


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The last line: everything was done."""

    done: int
    at: datetime


Line = Began | Done | Ended
_decoder = msgspec.json.Decoder(Line)


class Summary(msgspec.Struct, frozen=True):
    """A run as a person sees it; ``state`` is running, stopped or ended."""

    run: str
    state: str
    done: int
    began: datetime
    arguments: Sequence[str]
    folder: str


class Journal:
    """The journal of one run, which is this process's alone while it is open.

    Args:
        run: its name.

    Raises:
        GolemError: the name makes no sense, or another process has it.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self._file = _open(_path(run))
        self._places: dict[str, int] = {}
        self._asked: Counter[bytes] = Counter()
        lines = list(self._scan())
        if not lines or isinstance(lines[-1], Ended):
            self._begin()

    @property
    def done(self) -> int:
        """How many results it holds."""
        return len(self._places)

    def key(self, call: Call) -> str | None:
        """What a call is known by, the same when the run goes on; None if that cannot be told.

        Equal calls are counted: each of them has a result of its own.
        """
        identity = call.kind.identity(call)
        if identity is None:
            return None
        self._asked[identity] += 1
        return sha256(identity + self._asked[identity].to_bytes(8, "big")).hexdigest()

    def recall(self, key: str, call: Call) -> Outcome | None:
        """What a call had come to before the run stopped."""
        place = self._places.get(key)
        if place is None:
            return None
        self._file.seek(place)
        line = _decoder.decode(self._file.readline())
        assert isinstance(line, Done)
        value = call.kind.read(line.value)
        return None if value is None else Outcome(value[0], None, 0.0, line.provider_id, line.provider_name)

    def note(self, key: str, outcome: Outcome) -> None:
        """A call has come to a result. What cannot be kept is computed again some time."""
        try:
            value = pickle.dumps(outcome.value, 5)
        except Exception:
            return
        line = Done(key, outcome.provider_id, outcome.provider_name, outcome.seconds, value)
        self._places[key] = self._write(line)

    def end(self) -> None:
        """Everything was done: the results are not needed any more, and the next run begins anew."""
        first = self._first()
        self._file.truncate(0)
        self._write(first)
        self._write(Ended(self.done, datetime.now(UTC)))

    def close(self) -> None:
        """Let others have it."""
        self._file.close()

    def _begin(self) -> None:
        self._file.truncate(0)
        self._places.clear()
        command = [sys.executable, *sys.orig_argv[1:]]
        self._write(Began(command, os.getcwd(), datetime.now(UTC)))

    def _first(self) -> Line:
        self._file.seek(0)
        return _decoder.decode(self._file.readline())

    def _write(self, line: Line) -> int:
        """Where the line begins. It is with the system when this returns: a kill does not take it away."""
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        return place

    def _scan(self) -> Iterator[Line]:
        """The lines; what follows the last whole one is cut off."""
        place = 0
        for place, end, line in _lines(self._file):
            if isinstance(line, Done):
                self._places[line.key] = place
            yield line
            place = end
        self._file.truncate(place)


def runs() -> list[Summary]:
    """All runs that are known, the latest first; those that ended long ago are forgotten."""
    found = [each for path in _folder().glob(f"*{SUFFIX}") if (each := _summary(path)) is not None]
    return sorted(found, key=lambda each: each.began, reverse=True)


def command_of(run: str) -> Summary:
    """A run that can go on. Raises GolemError if there is none of this name, or it is not stopped."""
    path = _path(run)
    found = _summary(path) if path.exists() else None
    if found is None:
        raise GolemError(f"There is no run {run}.", next_step="`golem runs` shows what there is.")
    if found.state != "stopped":
        raise GolemError(
            f"The run {run} is not stopped: it {'has ' * (found.state == 'ended')}{found.state}."
        )
    return found


def _summary(path: Path) -> Summary | None:
    with path.open("rb") as file:
        lines = [line for _, _, line in _lines(file)]
    if not lines or not isinstance(lines[0], Began):
        return None
    first, last = lines[0], lines[-1]
    if isinstance(last, Ended):
        if datetime.now(UTC) - last.at > KEPT_FOR:
            path.unlink(missing_ok=True)
            return None
        state, done = "ended", last.done
    else:
        state, done = "running" if _is_locked(path) else "stopped", len(lines) - 1
    return Summary(path.name.removesuffix(SUFFIX), state, done, first.at, first.arguments, first.folder)


def _lines(file: Any) -> Iterator[tuple[int, int, Line]]:
    """Each whole line, with where it begins and ends."""
    file.seek(0)
    place = 0
    for text in file:
        try:
            line = _decoder.decode(text)
        except msgspec.MsgspecError:
            return
        if not text.endswith(b"\n"):
            return
        yield place, place + len(text), line
        place += len(text)


def _folder() -> Path:
    return home() / "runs"


def _path(run: str) -> Path:
    if not NAME.fullmatch(run) or run.startswith("."):
        raise GolemError(f"{run!r} is no name for a run.", next_step="Use letters, digits, dots and dashes.")
    return _folder() / f"{run}{SUFFIX}"


def _open(path: Path) -> BufferedRandom:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        name = path.name.removesuffix(SUFFIX)
        raise GolemError(f"The run {name} is running in another process.") from error
    return file


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

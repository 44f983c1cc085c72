"""What a run has finished, on disk: a run that is started again under its name goes on where it stopped.

A line of JSON for each thing that has happened, written before anybody acts on it. A line that a crash has
cut off is taken away when the run goes on. What a journal holds of results is read as what strangers sent.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.file_locks import try_lock
from golemnet.requestor.events import AgreementSigned, Event, InvoiceAccepted, RunEnded
from golemnet.requestor.home import home
from golemnet.requestor.leftovers import Leftovers
from golemnet.sdk.calls import Call, Outcome
from golemnet.sdk.journal_lines import (
    Accepted,
    Began,
    Done,
    Ended,
    Line,
    Reserved,
    Signed,
    decoder,
    leftovers_of,
    lines_of,
)

NAME = re.compile(r"[\w.-]{1,100}")
SUFFIX = ".run"


class NotKept(GolemError):
    """What has happened cannot be written to the disk."""


class Journal:
    """The journal of one run, which is this process's alone while it is open.

    Args:
        run: its name.

    Raises:
        GolemError: the name makes no sense, another process has it, or the disk is full.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self._file = _open(path_of(run))
        self._places: dict[str, int] = {}
        self._asked: Counter[bytes] = Counter()
        self._is_settled = False
        stopped = datetime.fromtimestamp(os.fstat(self._file.fileno()).st_mtime, UTC)
        lines = list(self._scan())
        self.earlier: Leftovers | None = leftovers_of(lines, stopped)
        if not lines or isinstance(lines[-1], Ended):
            self.earlier = None
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
        line = decoder.decode(self._file.readline())
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

    def reserved(self, allocation_id: str) -> None:
        """Money was set aside."""
        self._write(Reserved(allocation_id))

    def hear(self, event: Event) -> None:
        """Note what a successor has to know if this process is killed."""
        match event:
            case AgreementSigned(agreement_id=agreement_id):
                self._write(Signed(agreement_id, datetime.now(UTC)))
            case InvoiceAccepted(agreement_id=agreement_id, amount=amount):
                self._write(Accepted(agreement_id, Decimal(amount)))
            case RunEnded(unpaid=unpaid):
                self._is_settled = not unpaid
            case _:
                return

    @property
    def is_needed(self) -> bool:
        """Whether a successor has anything of it: results, or providers that are not paid yet."""
        lines = [line for _, _, line in lines_of(self._file)] if not self.done else []
        owes = bool(leftovers_of(lines, datetime.now(UTC)).agreements) and not self._is_settled
        return bool(self.done) or owes

    def drop(self) -> None:
        """Nothing in it is needed any more."""
        path_of(self.run).unlink(missing_ok=True)

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
        return decoder.decode(self._file.readline())

    def _write(self, line: Line) -> int:
        """Where the line begins. It is with the system when this returns: a kill does not take it away."""
        file, data = self._file.fileno(), memoryview(msgspec.json.encode(line) + b"\n")
        begin = end = os.fstat(file).st_size
        try:
            while data:
                written = os.pwrite(file, data, end)
                data, end = data[written:], end + written
        except OSError as error:
            os.ftruncate(file, begin)
            raise NotKept(
                f"The journal of the run {self.run} cannot be written.",
                why=f"{path_of(self.run)}: {error.strerror}.",
                next_step=f"Make space, if that is it; `golem resume {self.run}` goes on.",
            ) from error
        return begin

    def _scan(self) -> Iterator[Line]:
        """The lines; what follows the last whole one is cut off."""
        place = 0
        for place, end, line in lines_of(self._file):
            if isinstance(line, Done):
                self._places[line.key] = place
            yield line
            place = end
        self._file.truncate(place)


def folder() -> Path:
    """Where journals are."""
    return home() / "runs"


def path_of(run: str) -> Path:
    """The journal of a run. Raises GolemError if it can have none of that name."""
    if not NAME.fullmatch(run) or run.startswith("."):
        raise GolemError(f"{run!r} is no name for a run.", next_step="Use letters, digits, dots and dashes.")
    return folder() / f"{run}{SUFFIX}"


def _open(path: Path) -> BufferedRandom:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "r+b")
    if try_lock(descriptor):
        return file
    file.close()
    raise GolemError(f"The run {path.name.removesuffix(SUFFIX)} is running in another process.")


def is_locked(path: Path) -> bool:
    """Whether a process has the journal."""
    with path.open("rb") as file:
        return not try_lock(file, shared=True)

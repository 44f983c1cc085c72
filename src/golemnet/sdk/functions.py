"""Functions as calls: many of them go into one batch, to an interpreter that stays warm."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from golemnet.requestor.errors import CommandFailed
from golemnet.requestor.session import CommandResult
from golemnet.requestor.steps import DownloadFile, Run, SendBytes, Step
from golemnet.requestor.task_queue import AnyTask
from golemnet.requestor.work_context import Work
from golemnet.requestor.worker import Tasks
from golemnet.sdk.calls import Call, Station, limit_of
from golemnet.sdk.common_files import CommonFile, identity_of, places, sending
from golemnet.sdk.errors import CannotTravel, RemoteError, RemoteTraceback
from golemnet.sdk.explained import explain, with_source, wrong_python
from golemnet.sdk.identity import value_identity
from golemnet.sdk.packing import HERE, Function, program
from golemnet.sdk.reading import read

WORK = "/golem/work"
FOLDER = f"{WORK}/.golem"
PROGRAM = f"{FOLDER}/loop.py"
# A batch costs some 50 ms, so that calls are bundled until a bundle takes several times as long.
BUNDLE_S = 0.5
# After so long a bundle is cut, and what is left of it goes to whoever is free.
CUT_S = 1.0
MAX_BUNDLE = 1000
# An argument of a program has at most 128 KiB; what is longer goes as a file.
MAX_INLINE = 60_000
MAX_OUTPUT_BYTES = 512 * 1024
MORE = "more"
MAX_SHOWN = 60
MAX_LOG = 4000


class FunctionKind:
    """Calls of one function.

    Args:
        function: packed.
        trusted: classes that may come back.
        common: files that each call needs.
    """

    def __init__(
        self, function: Function, trusted: Sequence[type] = (), common: Sequence[CommonFile] = ()
    ) -> None:
        self.name = function.name
        self.function = function
        self.trusted = trusted
        self.common = common

    def shown(self, item: Any) -> str:
        """The call as it stands in a program."""
        text = f"{self.name}({item!r})"
        return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 4]}...)"

    def bundle(self, first: AnyTask, tasks: Tasks, at: Station) -> FunctionBundle:
        """As many as fit into half a second, of those that wait."""
        return FunctionBundle(self, at.with_more(first, tasks, MAX_BUNDLE, BUNDLE_S), tasks, at)

    def is_light(self, call: Call) -> bool:
        """Large arguments go alone."""
        return len(call.payload) < MAX_INLINE

    def identity(self, call: Call) -> bytes | None:
        """By what the function does, and by the arguments."""
        arguments = value_identity(call.item)
        if arguments is None:
            return None
        files = identity_of(self.common).encode() if self.common else b""
        return self.function.identity.encode() + arguments + files

    def read(self, content: bytes) -> tuple[Any] | None:
        """A value that was kept."""
        try:
            return (read(content, self.function.modules, self.trusted),)
        except CannotTravel:
            return None

    def outcome(self, kind: str, parts: Sequence[str]) -> tuple[Any, BaseException | None]:
        """Value and error of a line that a container has written; whoever wrote it is not trusted."""
        try:
            contents = [base64.b64decode(part, validate=True) for part in parts]
            if kind == "ok":
                return read(contents[0], self.function.modules, self.trusted), None
            if kind == "stuck":
                why = contents[0].decode(errors="replace")
                return None, CannotTravel(f"What {self.name} has returned cannot travel.", why=f"{why}.")
            return None, self._error(contents[0], contents[1].decode(errors="replace"))
        except CannotTravel as error:
            return None, error
        except (binascii.Error, IndexError) as error:
            return None, CannotTravel("A result cannot be read.", why=f"{error}.")

    def _error(self, content: bytes, text: str) -> BaseException:
        try:
            error = read(content, self.function.modules, self.trusted)
        except CannotTravel:
            error = None
        # Python takes those two for the end of whatever loop they are raised in
        if not isinstance(error, Exception) or isinstance(error, StopIteration | StopAsyncIteration):
            last = text.strip().rpartition("\n")[2]
            error = RemoteError(f"{self.name} has failed: {last}")
        origin = self.function.origin
        error.__cause__ = RemoteTraceback(text if origin is None else with_source(text, origin))
        return error


class FunctionBundle:
    """Calls of one function in one batch."""

    def __init__(self, kind: FunctionKind, tasks: list[AnyTask], source: Tasks, at: Station) -> None:
        self._kind = kind
        self.tasks = tasks
        self._source = source
        self._at = at
        self._lines: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self) -> Work:
        """What the container lacks, and the calls."""
        steps: list[Step] = sending(self._kind.common, WORK, self._at.present)
        function = f"{FOLDER}/{self._kind.function.key}"
        for path, content in ((PROGRAM, program()), (function, self._kind.function.content)):
            if path not in self._at.present:
                steps.append(SendBytes(content, path))
        calls = "\n".join(str(task.data.payload) for task in self.tasks)
        if len(calls) > MAX_INLINE:
            steps.append(SendBytes(calls.encode(), f"{FOLDER}/calls"))
            calls = f"@{FOLDER}/calls"
        line = f'cd {WORK} && exec python3 -S "$@"'
        arguments = ("-c", line, "python3", PROGRAM, function, str(CUT_S), HERE, calls)
        run = Run("/bin/sh", arguments, {}, MAX_OUTPUT_BYTES)
        return Work([*steps, run], limit_of(self.tasks, CUT_S))

    def go_on(self, results: Sequence[CommandResult]) -> Work | None:
        """Fetch what was too much for an output; judge what was done; what was cut off is for others."""
        if self._folder is not None:
            lines = [*self._lines, *self._fetched().splitlines()]
        else:
            self._at.present |= {PROGRAM, f"{FOLDER}/{self._kind.function.key}"}
            self._at.present |= places(self._kind.common, WORK)
            self._say(results[-1].stderr)
            lines = self._lines = results[-1].stdout.splitlines()[1:]
            if lines and lines[-1] == MORE:
                lines.pop()
                return self._fetch()
        done = self._judge(lines)
        for task in reversed(self.tasks[max(done, 1) :]):
            self._source.put_back(task)
        if not done:
            self.tasks[0].reject_task("The provider has sent no result.")
        return None

    def _fetch(self) -> Work:
        self._folder = tempfile.TemporaryDirectory(prefix="golem-results-")
        return Work([DownloadFile(f"{FOLDER}/results", Path(self._folder.name) / "results")])

    def _fetched(self) -> str:
        assert self._folder is not None
        text = (Path(self._folder.name) / "results").read_text()
        self._folder.cleanup()
        return text

    def failed(self, error: Exception) -> None:
        """The interpreter was ended by a call: that call has failed, and those after it were not begun."""
        if not isinstance(error, CommandFailed) or not error.stdout.startswith("python"):
            raise error
        found = error.stdout.partition("\n")[0].removeprefix("python").strip()
        if found != HERE:
            raise wrong_python("The image", found, HERE)
        self._at.present.clear()
        lines = error.stdout.splitlines()[1:]
        done = self._judge(lines)
        # whether a call whose line is in the file was done cannot be known
        unknown = len(self.tasks) if MORE in lines else done + 1
        for task in reversed(self.tasks[unknown:]):
            self._source.put_back(task)
        for task in self.tasks[done:unknown]:
            task.reject_task(f"It has ended the interpreter. {error.stderr[-MAX_LOG:]}".strip())

    def _judge(self, lines: Sequence[str]) -> int:
        """How many calls have an outcome."""
        done = 0
        for line in lines:
            fields = line.split(" ")
            if len(fields) != 4 or fields[0] != str(done) or done == len(self.tasks):
                break
            seconds = _seconds(fields[1])
            value, error = self._kind.outcome(fields[2], fields[3].split(","))
            if error is not None:
                explain(error, self.tasks[done].data, self._at.provider_name)
            self._at.learn(self._kind, seconds)
            self._at.judge(self.tasks[done], value, error, seconds)
            done += 1
        return done

    def _say(self, printed: str) -> None:
        if printed.strip():
            self._at.say(printed.rstrip())


def _seconds(text: str) -> float:
    try:
        return max(float(text), 0.0)
    except ValueError:
        return 0.0

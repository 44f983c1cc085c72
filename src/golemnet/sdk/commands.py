"""Shell commands as calls: files of the item go along, files that the command makes come back."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path, PurePath
from typing import Any

import msgspec

from golemnet.errors import GolemError
from golemnet.requestor.session import CommandResult
from golemnet.requestor.steps import DownloadFile, Run, SendFile, Step
from golemnet.requestor.task_queue import AnyTask
from golemnet.requestor.work_context import Work
from golemnet.requestor.worker import Tasks
from golemnet.sdk.calls import Call, Station, limit_of
from golemnet.sdk.common_files import CommonFile, identity_of, places, sending
from golemnet.sdk.errors import CannotTravel, ShellFailed
from golemnet.sdk.identity import file_identity, value_identity
from golemnet.sdk.reading import read

ROOT = "/golem/work/.golem/commands"
BUNDLE_S = 0.5
MAX_BUNDLE = 50
MAX_OUTPUT_BYTES = 512 * 1024
MAX_FILES = 10_000
_MARK = "@golem"
# The command runs in a shell of its own: whatever it does, its status and its files are told afterwards.
_SCRIPT = f"""mkdir -p "$1" && cd "$1" || exit 97
command=$2
common=$3
shift 3
rm -rf "$@"
[ -z "$common" ] || ln -sf "$common"/* .
( eval "$command" )
printf '\\n{_MARK} %s\\n' "$?"
for file in *; do [ -f "$file" ] && printf '%s\\n' "$file"; done
exit 0"""


class Finished(msgspec.Struct, frozen=True):
    """What a command has come to; ``files`` are those that it has made, where they are now."""

    command: str
    status: int
    stdout: str
    stderr: str
    files: Sequence[Path]


class CommandKind:
    """Calls of one command template.

    Args:
        template: a shell command; ``{}`` is the item, ``{.}`` the item without its extension. An item that
            is a file of this machine is sent, and appears by its name in the command's folder.
        output: the folder for what commands make.
        common: files that each command needs.
    """

    def __init__(
        self, template: str, output: str | os.PathLike[str] = ".", common: Sequence[CommonFile] = ()
    ) -> None:
        self.name = template
        self.output = Path(output).absolute()
        self.common = common
        self.common_folder = f"{ROOT}/common-{identity_of(common)}" if common else ""
        self._template = template if "{}" in template or "{.}" in template else f"{template} {{}}"
        self._numbers = count()
        self._folder = f"{ROOT}/{secrets.token_hex(4)}"

    def shown(self, item: Any) -> str:
        """The command as it runs."""
        return self.command(item)

    def command(self, item: Any) -> str:
        """The command for an item."""
        text = PurePath(item).name if _is_file(item) else str(item)
        bare = text.removesuffix(PurePath(text).suffix) if text else text
        return self._template.replace("{.}", shlex.quote(bare)).replace("{}", shlex.quote(text))

    def script(self, item: Any) -> str:
        """What the shell is given for an item."""
        return self.command(item)

    def files(self, item: Any) -> tuple[Path, ...]:
        """The file of this machine that the item is, if it is one. Raises CannotTravel."""
        if isinstance(item, Path) and not item.is_file():
            raise CannotTravel(f"There is no file {item}.", next_step="Name it as text if it is none.")
        return (Path(item).absolute(),) if _is_file(item) else ()

    def next_folder(self) -> str:
        """A folder of its own for a command."""
        return f"{self._folder}-{next(self._numbers)}"

    def identity(self, call: Call) -> bytes | None:
        """By the command, the folder for its files, and the files that it needs."""
        files = [file_identity(Path(path)) for path in call.payload]
        return value_identity((self.command(call.item), str(self.output), files, self.common_folder))

    def read(self, content: bytes) -> tuple[Finished] | None:
        """What a command had come to, unless a file that it has made is not there any more."""
        try:
            finished: Finished = read(content, trusted=[Finished])
        except CannotTravel:
            return None
        return (finished,) if all(path.exists() for path in finished.files) else None

    def bundle(self, first: AnyTask, tasks: Tasks, at: Station) -> CommandBundle:
        """Short commands share a batch."""
        return CommandBundle(self, at.with_more(first, tasks, MAX_BUNDLE, BUNDLE_S), at)

    def is_light(self, call: Call) -> bool:
        """How long files take is part of what was learnt."""
        return True


class OneCommand(CommandKind):
    """A command that stands for itself, and the files that it needs.

    Args:
        command: a shell command.
        output: the folder for what it makes.
        stdin: the name of the file that it reads as its standard input; none by default.
    """

    def __init__(self, command: str, output: str | os.PathLike[str] = ".", stdin: str = "") -> None:
        super().__init__(command, output)
        self._stdin = stdin

    def script(self, item: Any) -> str:
        """The command, in a line of its own: it may end with a comment."""
        return f"{{ {self.name}\n}} < {shlex.quote(self._stdin)}" if self._stdin else self.name

    def command(self, item: Any) -> str:
        """The command as it is."""
        return self.name


class CommandBundle:
    """Commands in one batch, and a second batch for the files that they have made."""

    def __init__(self, kind: CommandKind, tasks: list[AnyTask], at: Station) -> None:
        self._kind = kind
        self.tasks = tasks
        self._at = at
        self._folders = [kind.next_folder() for _ in tasks]
        self._found: list[Finished] = []
        self._seconds = 0.0

    def begin(self) -> Work:
        """Files in, and the commands."""
        self._began = time.monotonic()
        steps = sending(self._kind.common, self._kind.common_folder, self._at.present)
        self._runs: list[int] = []
        for task, folder in zip(self.tasks, self._folders, strict=True):
            call: Call = task.data
            steps += [SendFile(Path(path), f"{folder}/{Path(path).name}") for path in call.payload]
            command, common = self._kind.script(call.item), self._kind.common_folder
            arguments = ("-c", _SCRIPT, "sh", folder, command, common, *self._at.litter)
            self._at.litter.clear()
            self._runs.append(len(steps))
            steps.append(Run("/bin/sh", arguments, {}, MAX_OUTPUT_BYTES))
        return Work(steps, limit_of(self.tasks, 2 * BUNDLE_S))

    def go_on(self, results: Sequence[CommandResult]) -> Work | None:
        """Fetch what was made, then judge."""
        if self._found:
            return self._judge()
        self._seconds = (time.monotonic() - self._began) / len(self.tasks)
        self._at.learn(self._kind, self._seconds)
        self._at.present |= places(self._kind.common, self._kind.common_folder)
        self._found = [
            self._read(task.data, results[run]) for task, run in zip(self.tasks, self._runs, strict=True)
        ]
        steps: list[Step] = []
        for found, folder in zip(self._found, self._folders, strict=True):
            steps += [DownloadFile(f"{folder}/{path.name}", path) for path in found.files]
        if not steps:
            return self._judge()
        self._kind.output.mkdir(parents=True, exist_ok=True)
        return Work(steps)

    def failed(self, error: Exception) -> None:
        """No command of the batch can fail but for a reason of the provider's: let another one do it."""
        raise error

    def _judge(self) -> None:
        self._at.litter += self._folders
        for task, found in zip(self.tasks, self._found, strict=True):
            error = None if found.status == 0 else _failure(found)
            self._at.judge(task, found, error, self._seconds)

    def _read(self, call: Call, result: CommandResult) -> Finished:
        """What the script has written: the command's output, a mark with its status, and file names."""
        stdout, _, rest = result.stdout.rpartition(f"\n{_MARK} ")
        status, *names = rest.splitlines() or [""]
        sent = {Path(path).name for path in call.payload} | {each.path.name for each in self._kind.common}
        made = [name for name in names[:MAX_FILES] if name not in sent and _is_plain(name)]
        return Finished(
            command=self._kind.command(call.item),
            status=int(status) if status.isdigit() else 1,
            stdout=stdout,
            stderr=result.stderr,
            files=[self._kind.output / name for name in made],
        )


def _is_file(item: Any) -> bool:
    return isinstance(item, str | os.PathLike) and bool(str(item)) and os.path.isfile(item)


def _is_plain(name: str) -> bool:
    """Whether a name that a stranger has sent stays within a folder."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _failure(found: Finished) -> ShellFailed:
    said = (found.stderr or found.stdout).strip()[-500:]
    return ShellFailed(
        f"`{found.command[:120]}` has ended with status {found.status}.", why=said, result=found
    )


def check_output(folder: Path) -> None:
    """Raise GolemError if files cannot be stored in ``folder``."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    why = "Files that commands make are stored there."
    if not there.is_dir():
        raise GolemError(f"{there} is not a folder.", why=why)
    if not os.access(there, os.W_OK | os.X_OK):
        raise GolemError(f"Nothing can be written to {there}.", why=why)

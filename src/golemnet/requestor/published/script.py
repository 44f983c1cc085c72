"""A series of commands that a worker yields, to have them executed at its provider."""

from __future__ import annotations

import itertools
from asyncio import InvalidStateError
from collections.abc import Awaitable, Callable
from datetime import timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from golemnet.requestor.published.capture import CaptureContext
from golemnet.requestor.published.commands import (
    DOWNLOAD_BYTES_LIMIT_DEFAULT,
    BatchCommand,
    Command,
    Deploy,
    DownloadBytes,
    DownloadFile,
    DownloadFileFromInternet,
    DownloadJson,
    ProgressArgs,
    Run,
    SendBytes,
    SendFile,
    SendJson,
    Start,
    Terminate,
)
from golemnet.requestor.published.errors import CommandExecutionError
from golemnet.requestor.published.events import CommandEvent, CommandExecuted, ScriptEvent
from golemnet.requestor.steps import Files

if TYPE_CHECKING:
    from golemnet.requestor.published.context import WorkContext

ScriptEventType = TypeVar("ScriptEventType", bound=ScriptEvent)
Executed = Awaitable[CommandExecuted]
_numbers = itertools.count(1)


class Script:
    """Commands in their order; each method that adds one returns the awaitable of its result.

    Args:
        context: of the worker that will yield it.
        timeout: after it ``BatchTimeoutError`` is raised at the ``yield``.
        wait_for_results: whether the ``yield`` lasts until everything is done.
    """

    def __init__(
        self, context: WorkContext, timeout: timedelta | None = None, wait_for_results: bool = True
    ) -> None:
        self.timeout = timeout
        self.wait_for_results = wait_for_results
        self._ctx = context
        self._commands: list[Command] = []
        self._sent: list[BatchCommand] = []
        self._id = next(_numbers)

    @property
    def id(self) -> int:
        """Its number; no two scripts of a program have the same."""
        return self._id

    @property
    def results(self) -> list[CommandExecuted]:
        """The results of all commands. Raises AttributeError before all are there."""
        try:
            return [command._result.result() for command in self._commands]
        except InvalidStateError:
            raise AttributeError(
                "Script results are available only after all commands have finished"
            ) from None

    @property
    def files(self) -> Files:
        """How files get to the provider and back."""
        return self._ctx._storage

    # -- commands ------------------------------------------------------------------------------------------

    def add(self, cmd: Command) -> Executed:
        """Add any command."""
        cmd._belong(self, len(self._commands))
        self._commands.append(cmd)
        return cmd._result

    def deploy(self, progress_args: ProgressArgs | None = None, **kwargs: Any) -> Executed:
        """Prepare the image; the keywords are those of the runtime."""
        return self.add(Deploy(progress_args=progress_args, **kwargs))

    def start(self, *args: str) -> Executed:
        """Start the container."""
        return self.add(Start(*args))

    def terminate(self) -> Executed:
        """End the activity."""
        return self.add(Terminate())

    def run(
        self,
        cmd: str,
        *args: str,
        env: dict[str, str] | None = None,
        stderr: CaptureContext | None = None,
        stdout: CaptureContext | None = None,
    ) -> Executed:
        """Run a program of the image; it fails unless it ends with status 0."""
        given = {"stderr": stderr, "stdout": stdout}
        captures = {name: capture for name, capture in given.items() if capture is not None}
        return self.add(Run(cmd, *args, env=env, **captures))

    def upload_bytes(self, data: bytes, dst_path: str, **kwargs: Any) -> Executed:
        """Bytes become a file at the provider."""
        return self.add(SendBytes(data, dst_path, **kwargs))

    def upload_file(self, src_path: str | PathLike[str], dst_path: str, **kwargs: Any) -> Executed:
        """A file goes to the provider."""
        return self.add(SendFile(src_path, dst_path, **kwargs))

    def upload_json(self, data: Any, dst_path: str, **kwargs: Any) -> Executed:
        """Data become a JSON file at the provider."""
        return self.add(SendJson(data, dst_path, **kwargs))

    def download_bytes(
        self,
        src_path: str,
        on_download: Callable[[bytes], Awaitable[Any]],
        limit: int = DOWNLOAD_BYTES_LIMIT_DEFAULT,
        **kwargs: Any,
    ) -> Executed:
        """A file of the provider is handed to ``on_download``."""
        return self.add(DownloadBytes(src_path, on_download, limit, **kwargs))

    def download_file(self, src_path: str, dst_path: str | PathLike[str], **kwargs: Any) -> Executed:
        """A file of the provider comes here."""
        return self.add(DownloadFile(src_path, dst_path, **kwargs))

    def download_json(
        self,
        src_path: str,
        on_download: Callable[[Any], Awaitable[Any]],
        limit: int = DOWNLOAD_BYTES_LIMIT_DEFAULT,
        **kwargs: Any,
    ) -> Executed:
        """A JSON file of the provider is handed to ``on_download`` as data."""
        return self.add(DownloadJson(src_path, on_download, limit, **kwargs))

    def download_from_url(
        self, src_url: str, dst_path: str, progress_args: ProgressArgs | None = None
    ) -> Executed:
        """The provider fetches a file from the web."""
        return self.add(DownloadFileFromInternet(src_url, dst_path, progress_args=progress_args))

    # -- execution -----------------------------------------------------------------------------------------

    def emit(self, event_class: type[ScriptEventType], **kwargs: Any) -> ScriptEventType:
        """Tell an event of this script to whoever listens."""
        return self._ctx.emit(event_class, script=self, **kwargs)

    async def prepare(self) -> list[BatchCommand]:
        """Share what the commands need; the commands as they are sent."""
        for command in self._commands:
            await command.before()
        self._sent = [command.evaluate() for command in self._commands]
        return self._sent

    async def conclude(self) -> None:
        """Do what the commands have to do after their success."""
        for command in self._commands:
            await command.after()

    def commands(self) -> list[BatchCommand]:
        """The commands as they were sent."""
        return self._sent

    def process_batch_event(
        self, event_class: type[CommandEvent], event_kwargs: dict[str, Any]
    ) -> CommandEvent:
        """Tell what has happened to the command ``cmd_idx``. Raises CommandExecutionError if it failed."""
        given = dict(event_kwargs)
        command = self._commands[given.pop("cmd_idx")]
        event = command.emit(event_class, **given)
        if isinstance(event, CommandExecuted):
            if not event.success:
                raise CommandExecutionError(str(command), event.message, event.stderr)
            if not command._result.done():
                command._result.set_result(event)
        return event

    def __repr__(self) -> str:
        return f"Script(id={self._id}, commands={self._commands})"

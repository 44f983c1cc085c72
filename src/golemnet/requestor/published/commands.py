"""The commands of a script: what each needs before it is sent, and does once it has succeeded."""

from __future__ import annotations

import asyncio
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from golemnet.errors import GolemError
from golemnet.requestor.published.capture import CaptureContext
from golemnet.requestor.published.events import (
    CommandEvent,
    CommandExecuted,
    DownloadFinished,
    DownloadStarted,
)
from golemnet.requestor.steps import CONTAINER, Files

if TYPE_CHECKING:
    from golemnet.requestor.published.script import Script

DOWNLOAD_BYTES_LIMIT_DEFAULT = 1024 * 1024
BatchCommand = dict[str, dict[str, Any]]
CommandEventType = TypeVar("CommandEventType", bound=CommandEvent)
_STREAM = CaptureContext.build(mode="stream")


@dataclass
class ProgressArgs:
    """How often progress is told: an interval like ``300ms``, or a number of bytes."""

    updateInterval: str | None = None
    updateStep: int | None = None


class Command(ABC):
    """One command; a script numbers it and tells it how it ended."""

    def __init__(self) -> None:
        self._script: Script | None = None
        self._index = -1
        self._result: asyncio.Future[CommandExecuted] = asyncio.get_event_loop().create_future()

    def emit(self, event_class: type[CommandEventType], **kwargs: Any) -> CommandEventType:
        """Tell the event of this command to whoever listens."""
        assert self._script is not None
        return self._script.emit(event_class, command=self, **kwargs)

    @abstractmethod
    def evaluate(self) -> BatchCommand:
        """As it is sent; only after ``before``."""

    async def before(self) -> None:
        """Prepare what has to be there when it is sent."""
        return

    async def after(self) -> None:
        """Do what is to be done once the script has succeeded."""
        return

    def _belong(self, script: Script, index: int) -> None:
        self._script, self._index = script, index

    @property
    def _files(self) -> Files:
        assert self._script is not None
        return self._script.files

    def __repr__(self) -> str:
        return type(self).__name__


class Deploy(Command):
    """Prepare the image at the provider."""

    def __init__(self, progress_args: ProgressArgs | None = None, **kwargs: Any) -> None:
        super().__init__()
        self.kwargs = kwargs
        self._progress = progress_args

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        return {"deploy": {**self.kwargs, **_progress(self._progress)}}

    def __repr__(self) -> str:
        return f"Deploy {self.kwargs}"


class Start(Command):
    """Start the image's container."""

    def __init__(self, *args: str) -> None:
        super().__init__()
        self.args = args

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        return {"start": {"args": list(self.args)}}

    def __repr__(self) -> str:
        return f"Start {self.args}"


class Terminate(Command):
    """End the activity."""

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        return {"terminate": {}}


class Run(Command):
    """Run a program of the image.

    An ExeScript has no place for an environment: it goes through env(1).
    """

    def __init__(
        self,
        cmd: str,
        *args: str,
        env: dict[str, str] | None = None,
        stderr: CaptureContext = _STREAM,
        stdout: CaptureContext = _STREAM,
    ) -> None:
        super().__init__()
        self.cmd = cmd
        self.args = args
        self.env = env
        self.stderr = stderr
        self.stdout = stdout

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        words = [self.cmd, *self.args]
        if self.env:
            words = ["/usr/bin/env", *(f"{name}={value}" for name, value in self.env.items()), *words]
        capture = {"stdout": self.stdout.to_dict(), "stderr": self.stderr.to_dict()}
        return {"run": {"entry_point": words[0], "args": words[1:], "capture": capture}}

    def __repr__(self) -> str:
        return f"Run {self.cmd} {self.args}"


@dataclass(frozen=True)
class Source:
    """Where a provider finds what is sent to it."""

    download_url: str


class SendContent(Command, ABC):
    """Something becomes a file at the provider."""

    def __init__(self, dst_path: str, progress_args: ProgressArgs | None = None) -> None:
        super().__init__()
        self._dst_path = dst_path
        self._src: Source | None = None
        self._progress = progress_args

    @abstractmethod
    async def _url(self) -> str: ...

    async def before(self) -> None:
        """Share it."""
        self._src = Source(await self._url())

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        assert self._src is not None
        move = {"from": self._src.download_url, "to": CONTAINER + self._dst_path}
        return {"transfer": {**move, **_progress(self._progress)}}

    def __repr__(self) -> str:
        return f"{type(self).__name__} dst={self._dst_path}"


class SendFile(SendContent):
    """A file of ours."""

    def __init__(
        self, src_path: str | PathLike[str], dst_path: str, progress_args: ProgressArgs | None = None
    ) -> None:
        super().__init__(dst_path, progress_args)
        self._src_path = Path(src_path)

    async def _url(self) -> str:
        if not self._src_path.is_file():
            raise GolemError(f"There is no file {self._src_path.absolute()} to send.")
        return await self._files.publish(self._src_path.absolute())


class SendBytes(SendContent):
    """Some bytes."""

    def __init__(self, data: bytes, dst_path: str, progress_args: ProgressArgs | None = None) -> None:
        super().__init__(dst_path, progress_args)
        self._data = bytes(data)

    async def _url(self) -> str:
        return await self._files.publish_bytes(self._data)


class SendJson(SendBytes):
    """Anything that can be JSON."""

    def __init__(self, data: Any, dst_path: str, progress_args: ProgressArgs | None = None) -> None:
        super().__init__(json.dumps(data).encode(), dst_path, progress_args)


class DownloadFileFromInternet(SendContent):
    """A file of the web, which the provider fetches itself."""

    def __init__(self, src_url: str, dst_path: str, progress_args: ProgressArgs | None = None) -> None:
        super().__init__(dst_path, progress_args)
        self._src_url = src_url

    async def _url(self) -> str:
        return self._src_url


class ReceiveContent(Command, ABC):
    """A file of the provider comes to us."""

    def __init__(self, src_path: str, progress_args: ProgressArgs | None = None) -> None:
        super().__init__()
        self._src_path = src_path
        self._dst_path: Path | None = None
        self._dst_slot: str | None = None
        self._progress = progress_args

    async def before(self) -> None:
        """Open a place for it."""
        self._dst_slot = await self._files.receive(self._target().absolute())

    @abstractmethod
    def _target(self) -> Path: ...

    def evaluate(self) -> BatchCommand:
        """As it is sent."""
        move = {"from": CONTAINER + self._src_path, "to": self._dst_slot}
        return {"transfer": {**move, **_progress(self._progress)}}

    async def after(self) -> None:
        """Close the place, and tell."""
        self.emit(DownloadStarted)
        if self._dst_slot is not None:
            await self._files.close(self._dst_slot)
        self.emit(DownloadFinished)

    def __repr__(self) -> str:
        return f"{type(self).__name__} src={self._src_path}"


class DownloadFile(ReceiveContent):
    """To a file."""

    def __init__(
        self, src_path: str, dst_path: str | PathLike[str], progress_args: ProgressArgs | None = None
    ) -> None:
        super().__init__(src_path, progress_args)
        self._dst_path = Path(dst_path)

    def _target(self) -> Path:
        assert self._dst_path is not None
        return self._dst_path


class DownloadBytes(ReceiveContent):
    """To ``on_download``; of more than ``limit`` bytes the rest is cut off."""

    def __init__(
        self,
        src_path: str,
        on_download: Callable[[bytes], Awaitable[Any]],
        limit: int = DOWNLOAD_BYTES_LIMIT_DEFAULT,
        progress_args: ProgressArgs | None = None,
    ) -> None:
        super().__init__(src_path, progress_args)
        self._on_download = on_download
        self._limit = limit
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def _target(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="golem-download-")
        return Path(self._folder.name) / "content"

    async def after(self) -> None:
        """Hand over what has come."""
        await super().after()
        assert self._folder is not None
        with self._folder as folder, (Path(folder) / "content").open("rb") as file:
            content = file.read(self._limit)
        await self._received(content)

    async def _received(self, content: bytes) -> None:
        await self._on_download(content)


class DownloadJson(DownloadBytes):
    """To ``on_download``, as what the JSON stands for."""

    async def _received(self, content: bytes) -> None:
        await self._on_download(json.loads(content))


def _progress(progress: ProgressArgs | None) -> dict[str, Any]:
    if progress is None:
        return {}
    return {"progress": {name: value for name, value in asdict(progress).items() if value is not None}}

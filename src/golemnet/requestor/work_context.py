"""What a worker holds in its hands: it records steps, and commits them as one batch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from golemnet.errors import GolemError
from golemnet.requestor.steps import DownloadFile, Run, SendBytes, SendFile, Step, json_bytes


class Leash:
    """Lets somebody else end a batch: to the worker it looks as if its time were over."""

    def __init__(self) -> None:
        self.limit: asyncio.Timeout | None = None

    def pull(self) -> None:
        """End the batch, if it is being executed."""
        if self.limit is not None and not self.limit.expired():
            self.limit.reschedule(asyncio.get_running_loop().time())


class Work(msgspec.Struct, frozen=True):
    """A committed batch; ``timeout`` bounds its execution, and whoever has its ``leash`` can end it."""

    steps: Sequence[Step]
    timeout: timedelta | None = None
    leash: Leash | None = None


class WorkContext:
    """One activity at one provider, as a worker sees it.

    Args:
        ctx_id: the id of the activity.
        provider_id: the provider's node id.
        provider_name: how the provider calls itself.
        log: takes what the worker says.
    """

    def __init__(
        self,
        ctx_id: str,
        provider_id: str = "",
        provider_name: str = "",
        log: Callable[[str], None] = print,
    ) -> None:
        self.id = ctx_id
        self.provider_id = provider_id
        self.provider_name = provider_name
        self._log = log
        self._steps: list[Step] = []

    def begin(self) -> None:
        """Nothing needs to be done here; scripts of 2020 call it before each task."""

    def send_file(self, src_path: str | os.PathLike[str], dst_path: str) -> None:
        """Send the file ``src_path`` to ``dst_path`` at the provider.

        Raises:
            GolemError: there is no such file.
        """
        source = Path(src_path)
        if not source.is_file():
            raise GolemError(
                f"There is no file {source.absolute()}.",
                why="The worker wants to send it to a provider.",
                next_step="Check the path; it is relative to the folder that the script was started in.",
            )
        self._steps.append(SendFile(source.absolute(), _inside(dst_path)))

    def send_json(self, json_path: str, data: Any) -> None:
        """Send ``data`` as a JSON file. Raises TypeError if it cannot be JSON."""
        self._steps.append(SendBytes(json_bytes(data), _inside(json_path)))

    def send_bytes(self, dst_path: str, data: bytes) -> None:
        """Send ``data`` as a file."""
        self._steps.append(SendBytes(bytes(data), _inside(dst_path)))

    def run(self, cmd: str, *args: Any, env: dict[str, str] | None = None) -> None:
        """Run the program ``cmd`` of the image; it fails unless it ends with status 0."""
        self._steps.append(Run(_inside(cmd), [str(each) for each in args], env or {}))

    def download_file(self, src_path: str, dst_path: str | os.PathLike[str]) -> None:
        """Fetch the file ``src_path`` of the provider to ``dst_path``, where it appears once it is complete.

        Raises:
            GolemError: there is no folder for it.
        """
        target = Path(dst_path).absolute()
        if not target.parent.is_dir():
            raise GolemError(
                f"There is no folder {target.parent}.", why=f"A result is to be stored as {target}."
            )
        self._steps.append(DownloadFile(_inside(src_path), target))

    def log(self, *args: Any) -> None:
        """Say something, with the provider's name before it."""
        self._log(" ".join(str(each) for each in args))

    def commit(self, task: object = None, timeout: timedelta | None = None) -> Work:
        """The steps so far, as one batch; ``yield`` it to have it executed."""
        steps, self._steps = self._steps, []
        return Work(steps, timeout)


def _inside(path: str) -> str:
    if not path.startswith("/"):
        raise GolemError(
            f"{path!r} is not an absolute path of the image.", next_step=f"Write /{path}, or the like."
        )
    return path

"""One ExeUnit process for each activity: started, watched, and gone when its activity is over."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from golemnet.provider.unit_server import Process, Starter
from golemnet.rest.market import Agreement
from golemnet.runtime.clean_up import clean_up_after

STOP_S = 10.0
MAX_ERROR_CHARACTERS = 2000
KEPT_LOGS = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Workshop:
    """Where ExeUnits work and what they are given.

    Args:
        directory: below it a folder for each activity, the image cache and the logs.
        runtime: the driver that the self-test has chosen.
        starter: starts their processes.
    """

    directory: Path
    runtime: str
    starter: Starter

    def log_of(self, activity_id: str) -> Path:
        """What the ExeUnit of the activity writes."""
        return self.directory / "logs" / f"{activity_id}.log"

    def arguments(self, activity_id: str) -> list[str]:
        """What an ExeUnit is told."""
        return [
            *("--activity-id", activity_id, "--agreement", str(self.agreement_of(activity_id))),
            *("--work-dir", str(self.directory / "activities" / activity_id)),
            *("--cache-dir", str(self.directory / "images"), "--runtime", self.runtime),
        ]

    def agreement_of(self, activity_id: str) -> Path:
        """The file with the agreement for the ExeUnit."""
        return self.directory / "agreements" / f"{activity_id}.json"

    def prepare(self, activity_id: str, agreement: Agreement) -> None:
        """Write what the ExeUnit reads, and make room among the logs."""
        for folder in ("agreements", "logs", "images", "activities"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        self.agreement_of(activity_id).write_bytes(msgspec.json.encode(agreement))
        _remove_old_logs(self.directory / "logs")

    def clean(self, activity_id: str) -> None:
        """Remove what a finished ExeUnit may have left; more than files if it was killed. It blocks."""
        self.agreement_of(activity_id).unlink(missing_ok=True)
        folder = self.directory / "activities" / activity_id
        clean_up_after(folder)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class ExeUnit:
    """A running ExeUnit; the process is the leader of a group of its own."""

    activity_id: str
    process: Process
    log_file: Path
    _stopping: asyncio.Task[None] | None = field(default=None, repr=False)

    @classmethod
    async def start(cls, workshop: Workshop, activity_id: str, agreement: Agreement) -> ExeUnit:
        """Start the ExeUnit of an activity. Raises OSError, ValueError for an id that is none."""
        if not activity_id.isalnum():
            raise ValueError(f"{activity_id[:80]!r} is not the id of an activity")
        await asyncio.to_thread(workshop.prepare, activity_id, agreement)
        log_file = workshop.log_of(activity_id)
        process = await workshop.starter.start(workshop.arguments(activity_id), log_file)
        log.info("exe-unit started", activity_id=activity_id, pid=process.pid)
        return cls(activity_id, process, log_file)

    async def wait(self) -> int:
        """Wait for the end of the process; its status."""
        return await self.process.wait()

    def stop_soon(self) -> None:
        """Let it end by itself, as its daemon has asked it to; kill it if it does not."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._signal(number)
            try:
                await asyncio.wait_for(self.process.wait(), STOP_S / 2)
                return
            except TimeoutError:
                continue

    def terminate(self) -> None:
        """Ask it to end now."""
        self._signal(signal.SIGTERM)
        self.stop_soon()

    def last_words(self) -> str:
        """The end of its log."""
        try:
            text = self.log_file.read_bytes()[-MAX_ERROR_CHARACTERS:].decode(errors="replace")
        except OSError:
            return ""
        return text.strip()

    def _signal(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return


def _remove_old_logs(folder: Path) -> None:
    logs = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-KEPT_LOGS]:
        path.unlink(missing_ok=True)

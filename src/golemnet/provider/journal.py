"""The agent's memory on disk: a file of JSON lines to which it only appends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from golemnet.provider.records import AgreementRecord, AnyEntry, record_after, replay

log = structlog.get_logger(__name__)


class Journal:
    """Records of agreements, each change on disk before it counts.

    Args:
        path: the file; made when the first entry is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, AgreementRecord] = replay(read_entries(path))
        self._turn = asyncio.Lock()

    def records(self) -> list[AgreementRecord]:
        """All records, oldest first."""
        return list(self._records.values())

    def get(self, agreement_id: str) -> AgreementRecord | None:
        """The record of an agreement; None if it is unknown."""
        return self._records.get(agreement_id)

    async def add(self, entry: AnyEntry) -> AgreementRecord:
        """Write ``entry``; the record after it.

        Raises:
            KeyError: nothing is known of the agreement.
        """
        async with self._turn:
            record = record_after(self._records.get(entry.agreement_id), entry)
            if record is None:
                raise KeyError(entry.agreement_id)
            await asyncio.to_thread(_append, self._path, _line(entry))
            self._records[entry.agreement_id] = record
            return record


def read_entries(path: Path) -> Iterator[AnyEntry]:
    """The entries of the file at ``path``, none if there is no such file.

    A line that was cut by a crash is skipped: what it would have said was never acted upon.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=AnyEntry)
            except msgspec.DecodeError:
                log.warning("journal line skipped", path=str(path), line=line[:80])


def _line(entry: AnyEntry) -> bytes:
    # msgspec asks for the text of an amount that came over REST: it is of a subclass of Decimal
    return msgspec.json.encode(entry, enc_hook=str) + b"\n"


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as out:
        if out.tell() and not _ends_with_newline(path):
            out.write(b"\n")
        out.write(line)
        out.flush()
        os.fsync(out.fileno())


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

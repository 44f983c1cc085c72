"""Files that all calls of a map need: each crosses once to a machine, and once to a container there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from golemnet.requestor.steps import SendFile, Step
from golemnet.sdk.errors import CannotTravel


class CommonFile(msgspec.Struct, frozen=True):
    """A file of this machine as it was when a map began."""

    path: Path
    size: int
    changed_ns: int

    @property
    def key(self) -> str:
        """What tells it from others, and from what it was before."""
        return f"{self.path}\0{self.size}\0{self.changed_ns}"


def common_files(paths: Sequence[str | os.PathLike[str]]) -> tuple[CommonFile, ...]:
    """The files at these paths. Raises CannotTravel if one is not there, or two have one name."""
    found = tuple(_common_file(Path(path).absolute()) for path in paths)
    names = [each.path.name for each in found]
    if len(set(names)) < len(names):
        raise CannotTravel("Two of the files have the same name.", why=", ".join(sorted(names)))
    return found


def _common_file(path: Path) -> CommonFile:
    if not path.is_file():
        raise CannotTravel(f"There is no file {path}.")
    facts = path.stat()
    return CommonFile(path, facts.st_size, facts.st_mtime_ns)


def identity_of(files: Sequence[CommonFile]) -> str:
    """What tells these files from others, as a part of a file name."""
    return hashlib.sha3_256("\0".join(each.key for each in files).encode()).hexdigest()[:16]


def sending(files: Sequence[CommonFile], folder: str, present: set[str]) -> list[Step]:
    """What brings those files to ``folder`` that a container does not hold there, going by ``present``."""
    return [
        SendFile(each.path, f"{folder}/{each.path.name}")
        for each in files
        if _place(each, folder) not in present
    ]


def places(files: Sequence[CommonFile], folder: str) -> set[str]:
    """What ``present`` has of a container that holds these files in ``folder``."""
    return {_place(each, folder) for each in files}


def _place(file: CommonFile, folder: str) -> str:
    return f"{folder}\0{file.key}"

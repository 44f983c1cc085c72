"""How much of what a command writes is kept, and when it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class CaptureMode(Enum):
    """Which part is kept; ``STREAM`` is all of it, while the command runs."""

    HEAD = "head"
    TAIL = "tail"
    HEAD_TAIL = "headTail"
    STREAM = "stream"


class CaptureFormat(Enum):
    """Text, or bytes."""

    BIN = "bin"
    STR = "str"


@dataclass
class CaptureContext:
    """What is done with one output of a command; ``limit`` in bytes."""

    mode: CaptureMode
    limit: int | None
    fmt: CaptureFormat | None

    @classmethod
    def build(
        cls, mode: str | None = None, limit: int | None = None, fmt: str | None = None
    ) -> CaptureContext:
        """By the words of the wire; ``all`` and None keep everything.

        Raises:
            ValueError: a word is none of them.
        """
        if mode in (None, "all"):
            mode, limit = "head", None
        return cls(CaptureMode(mode), limit, None if fmt is None else CaptureFormat(fmt.lower()))

    def to_dict(self) -> dict[str, Any]:
        """As a command carries it."""
        inner: dict[str, Any] = {}
        if self.limit is not None:
            inner["limit" if self.is_streaming() else self.mode.value] = self.limit
        if self.fmt is not None:
            inner["format"] = self.fmt.value
        return {"stream" if self.is_streaming() else "atEnd": inner}

    def is_streaming(self) -> bool:
        """Whether the output is seen while the command runs."""
        return self.mode is CaptureMode.STREAM

"""What is kept of a command's output: all, its head, its tail or both, within bounds. Pure."""

from __future__ import annotations

import codecs
from typing import Final, Literal

import msgspec

MAX_KEPT_BYTES: Final = 512 * 1024

Part = Literal["all", "head", "tail", "headTail"]
Text = str | list[int]


class CapturePlan(msgspec.Struct, frozen=True):
    """How an output is captured.

    ``limit`` counts bytes of what is kept, or of what is streamed. ``binary`` asks for byte values
    instead of text. With ``discard`` nothing but a tail for error messages is kept.
    """

    part: Part = "all"
    limit: int = MAX_KEPT_BYTES
    stream: bool = False
    binary: bool = False
    discard: bool = False


class OutputBuffer:
    """The kept part of an output; never holds more than its plan's limit and one chunk."""

    def __init__(self, plan: CapturePlan) -> None:
        limit = max(0, min(plan.limit, MAX_KEPT_BYTES))
        head_share = {"all": limit // 2, "head": limit, "tail": 0, "headTail": limit // 2}[plan.part]
        self._head_limit = head_share
        self._tail_limit = 0 if plan.part == "head" else limit - head_share
        self._head = bytearray()
        self._tail = bytearray()

    def feed(self, data: bytes) -> None:
        """Take in what the command has written."""
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        self._tail += data[max(0, room) :]
        if len(self._tail) > self._tail_limit:
            del self._tail[: len(self._tail) - self._tail_limit]

    def kept(self) -> bytes:
        """What is kept until now."""
        return bytes(self._head + self._tail)


class StreamDecoder:
    """Chunks as they are streamed: text is cut at characters, and ends at the limit."""

    def __init__(self, plan: CapturePlan) -> None:
        self._binary = plan.binary
        self._left = plan.limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> Text:
        """The part of ``data`` to pass on; empty when there is nothing."""
        passed = data[: max(0, self._left)]
        self._left -= len(passed)
        return list(passed) if self._binary else self._decoder.decode(passed)

    def finish(self) -> Text:
        """What is left at the end of the output."""
        return [] if self._binary else self._decoder.decode(b"", True)


def present(data: bytes, plan: CapturePlan) -> Text | None:
    """Captured bytes as a result carries them."""
    if plan.discard:
        return None
    return list(data) if plan.binary else data.decode("utf-8", "replace")

"""A stream as the binding gives it, or what looks like one. Halves raise the binding's errors or ours."""

from __future__ import annotations

from typing import Protocol


class SendHalf(Protocol):
    """What is written to."""

    async def write_all(self, buf: bytes) -> None:
        """Send all of it; waits while the other side is slower."""
        ...

    async def finish(self) -> None:
        """Nothing more will be written."""
        ...

    async def reset(self, error_code: int) -> None:
        """Give up."""
        ...


class ReceiveHalf(Protocol):
    """What is read from."""

    async def read(self, size_limit: int) -> bytes:
        """Some bytes; none once the other side has finished."""
        ...

    async def stop(self, error_code: int) -> None:
        """Read no more."""
        ...


class BothWays(Protocol):
    """The whole."""

    def send(self) -> SendHalf:
        """The half that is written to."""
        ...

    def recv(self) -> ReceiveHalf:
        """The half that is read from."""
        ...

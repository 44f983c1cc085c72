"""The methods that a node answers, and the bounds on what one peer may ask of it at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from golemnet.model.node_id import NodeId
from golemnet.net.errors import BUSY, INTERNAL, TOO_LARGE, UNKNOWN_METHOD, NetError, RemoteError
from golemnet.net.network import MAX_BODY_BYTES, CallHandler, Stream, StreamHandler

MAX_CALLS_OF_PEER = 512
MAX_STREAMS_OF_PEER = 90
LONGEST_CALL_S = 900.0

H = TypeVar("H", CallHandler, StreamHandler)

log = structlog.get_logger(__name__)


class Handlers:
    """Finds the handler for a message, runs it within the peer's bounds, and hides its accidents."""

    def __init__(self) -> None:
        self._calls: dict[str, CallHandler] = {}
        self._streams: dict[str, StreamHandler] = {}
        self._running: Counter[tuple[NodeId, str]] = Counter()
        self._callbacks: list[Callable[[NodeId], None]] = []

    def add_call(self, method: str, handler: CallHandler) -> None:
        """Answer ``method`` by ``handler``. Raises ValueError if it has one already."""
        _add(self._calls, method, handler)

    def add_stream(self, method: str, handler: StreamHandler) -> None:
        """Serve streams of ``method`` by ``handler``. Raises ValueError if it has one already."""
        _add(self._streams, method, handler)

    def add_callback(self, callback: Callable[[NodeId], None]) -> None:
        """Call ``callback`` with every node that becomes a neighbour."""
        self._callbacks.append(callback)

    def tell_neighbour(self, node: NodeId) -> None:
        """A session with ``node`` came up."""
        for callback in self._callbacks:
            callback(node)

    async def answer(self, caller: NodeId, method: str, body: bytes, timeout_s: float) -> bytes:
        """The handler's answer. Raises RemoteError and nothing else, except cancellation."""
        with self._bounded(caller, "calls", MAX_CALLS_OF_PEER), _as_remote(method):
            handler = _known(self._calls, method)
            async with asyncio.timeout(min(timeout_s, LONGEST_CALL_S)):
                answer = await handler(caller, body)
            check_size(answer, "answer")
            return answer

    async def serve(self, caller: NodeId, method: str, header: bytes, stream: Stream) -> None:
        """Run the handler of a stream to its end. Raises RemoteError and nothing else."""
        with self._bounded(caller, "streams", MAX_STREAMS_OF_PEER), _as_remote(method):
            await _known(self._streams, method)(caller, header, stream)
            await stream.finish()

    @contextmanager
    def _bounded(self, caller: NodeId, what: str, limit: int) -> Iterator[None]:
        if self._running[caller, what] >= limit:
            raise RemoteError(BUSY, f"The node serves {limit} {what} of yours already.")
        self._running[caller, what] += 1
        try:
            yield
        finally:
            self._running[caller, what] -= 1
            if not self._running[caller, what]:
                del self._running[caller, what]


def check_size(body: bytes, what: str) -> None:
    """Refuse a ``body`` above the bound, by RemoteError ``too-large``."""
    if len(body) > MAX_BODY_BYTES:
        raise RemoteError(TOO_LARGE, f"The {what} has {len(body)} bytes; {MAX_BODY_BYTES} are allowed.")


def _add(handlers: dict[str, H], method: str, handler: H) -> None:
    if method in handlers:
        raise ValueError(f"{method} has a handler already")
    handlers[method] = handler


def _known(handlers: dict[str, H], method: str) -> H:
    if method not in handlers:
        raise RemoteError(UNKNOWN_METHOD, f"The node does not know the method {method[:100]!r}.")
    return handlers[method]


@contextmanager
def _as_remote(method: str) -> Iterator[None]:
    try:
        yield
    except RemoteError:
        raise
    except TimeoutError as error:
        raise RemoteError(INTERNAL, "The node did not finish in time.") from error
    except NetError as error:
        # The peer went away, or a node that the handler asked did: an everyday event.
        log.debug("handler stopped by the network", method=method, why=str(error))
        raise RemoteError(INTERNAL, "The node could not reach another.") from error
    except Exception as error:
        log.exception("handler failed", method=method)
        raise RemoteError(INTERNAL, "The node failed on this message.") from error

"""Activity messages between nodes: the requestor's calls, and the provider's handlers for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec

from golemnet.daemon.activity import messages
from golemnet.daemon.activity.batches import Batches
from golemnet.daemon.activity.messages import (
    About,
    CommandView,
    Create,
    Exec,
    ResultPage,
    Results,
    StateView,
    StreamDecoder,
    StreamedEvent,
    StreamRequest,
    Suspend,
    UsageView,
)
from golemnet.daemon.activity.provider import DESTROY_GRACE_S, ProviderSide
from golemnet.errors import GolemError
from golemnet.model.node_id import NodeId
from golemnet.net.errors import CallTimeout, RemoteError, Unreachable
from golemnet.net.network import Network, Stream
from golemnet.rest.errors import ApiError, InternalError, RequestTimeout, from_status, status_of

CALL_TIMEOUT_S = 10.0
MARGIN_S = 5.0
READ_BYTES = 64 * 1024

T = TypeVar("T")
Q = TypeVar("Q")


class ProviderPeer:
    """The activity service of other nodes, as a requestor calls it.

    Every method raises the ``ApiError`` that the other node answered, ``RequestTimeout`` where it did not
    answer in time, and ``InternalError`` where it cannot be reached.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    async def create(self, node: NodeId, wanted: Create) -> StateView:
        """Start an activity."""
        timeout_s = wanted.timeout_s + MARGIN_S
        return await self._call(node, messages.CREATE, wanted, StateView, timeout_s=timeout_s)

    async def exec(self, node: NodeId, wanted: Exec) -> None:
        """Send a batch."""
        await self._call(node, messages.EXEC, wanted, dict)

    async def results(self, node: NodeId, wanted: Results) -> ResultPage:
        """Ask for results, waiting as long as the request says."""
        timeout_s = wanted.timeout_s + MARGIN_S
        return await self._call(node, messages.RESULTS, wanted, ResultPage, timeout_s=timeout_s)

    async def state(self, node: NodeId, activity_id: str, timeout_s: float) -> StateView:
        """Ask for the state."""
        return await self._call(node, messages.STATE, About(activity_id), StateView, timeout_s=timeout_s)

    async def usage(self, node: NodeId, activity_id: str, timeout_s: float) -> UsageView:
        """Ask for the usage."""
        return await self._call(node, messages.USAGE, About(activity_id), UsageView, timeout_s=timeout_s)

    async def commands(self, node: NodeId, activity_id: str) -> list[CommandView]:
        """Ask for the running commands."""
        return await self._call(node, messages.COMMANDS, About(activity_id), list[CommandView])

    async def suspend(self, node: NodeId, wanted: Suspend) -> None:
        """Stop what runs, or let it go on."""
        await self._call(node, messages.SUSPEND, wanted, dict)

    async def destroy(self, node: NodeId, activity_id: str) -> None:
        """End the activity; returns when it has ended."""
        timeout_s = DESTROY_GRACE_S + MARGIN_S
        await self._call(node, messages.DESTROY, About(activity_id), dict, timeout_s=timeout_s)

    async def events(self, node: NodeId, wanted: StreamRequest) -> AsyncIterator[StreamedEvent]:
        """The events of a batch from its first, as they happen; ends with the batch."""
        header = messages.encode(wanted)
        try:
            stream = await self._network.open_stream(node, messages.EVENTS, header, timeout_s=CALL_TIMEOUT_S)
        except GolemError as error:
            raise _api_error(error, node) from error
        try:
            async for event in _decoded(stream):
                yield event
        finally:
            await stream.abort()

    async def _call(
        self,
        node: NodeId,
        method: str,
        message: msgspec.Struct,
        answer: type[T],
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> T:
        try:
            data = await self._network.call(node, method, messages.encode(message), timeout_s=timeout_s)
        except (Unreachable, CallTimeout, RemoteError) as error:
            raise _api_error(error, node) from error
        return messages.decode(data, answer)


def serve(network: Network, provider: ProviderSide, batches: Batches) -> None:
    """Answer the calls of requestors."""

    async def run(caller: NodeId, wanted: Exec) -> dict[str, str]:
        await batches.exec(await provider.of(caller, wanted.activity_id), wanted)
        return {}

    async def results(caller: NodeId, wanted: Results) -> ResultPage:
        return await batches.results(await provider.of(caller, wanted.activity_id), wanted)

    async def state(caller: NodeId, about: About) -> StateView:
        return await provider.state(caller, about.activity_id)

    async def usage(caller: NodeId, about: About) -> UsageView:
        activity = await provider.of(caller, about.activity_id)
        return UsageView(activity.usage, activity.counted)

    async def commands(caller: NodeId, about: About) -> list[CommandView]:
        return await batches.commands(await provider.of(caller, about.activity_id))

    async def destroy(caller: NodeId, about: About) -> dict[str, str]:
        await provider.destroy(caller, about.activity_id)
        return {}

    async def suspend(caller: NodeId, wanted: Suspend) -> dict[str, str]:
        await provider.suspend(caller, wanted)
        return {}

    async def events(caller: NodeId, header: bytes, stream: Stream) -> None:
        wanted = messages.decode(header, StreamRequest)
        activity = await provider.of(caller, wanted.activity_id)
        async for event in batches.events(activity, wanted.batch_id):
            await stream.write(messages.encode_event(event))
        await stream.finish()

    network.handle(messages.CREATE, _handler(Create, provider.create))
    network.handle(messages.EXEC, _handler(Exec, run))
    network.handle(messages.RESULTS, _handler(Results, results))
    network.handle(messages.STATE, _handler(About, state))
    network.handle(messages.USAGE, _handler(About, usage))
    network.handle(messages.COMMANDS, _handler(About, commands))
    network.handle(messages.DESTROY, _handler(About, destroy))
    network.handle(messages.SUSPEND, _handler(Suspend, suspend))
    network.handle_stream(messages.EVENTS, events)


def _handler(
    question: type[Q], function: Callable[[NodeId, Q], Awaitable[object]]
) -> Callable[[NodeId, bytes], Awaitable[bytes]]:
    async def handle(caller: NodeId, body: bytes) -> bytes:
        try:
            return msgspec.msgpack.encode(await function(caller, messages.decode(body, question)))
        except (GolemError, msgspec.DecodeError) as error:
            # The status is the code, so that the requestor's program gets the same answer as a local one.
            raise RemoteError(str(status_of(error)), str(error)) from error

    return handle


def _api_error(error: GolemError, node: NodeId) -> ApiError:
    if isinstance(error, RemoteError):
        return from_status(int(error.code) if error.code.isdecimal() else 500, error.what)
    if isinstance(error, CallTimeout):
        return RequestTimeout("The provider's node did not answer in time.", node_id=node)
    # Published clients look for these two phrases to tell a node that is gone from a daemon that failed.
    return InternalError(
        "The provider's node cannot be reached (GSB error: endpoint address not found).", node_id=node
    )


async def _decoded(stream: Stream) -> AsyncIterator[StreamedEvent]:
    decoder = StreamDecoder()
    while data := await stream.read(READ_BYTES):
        for event in decoder.receive(data):
            yield event

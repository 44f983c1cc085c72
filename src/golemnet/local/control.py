"""The supervisor's door: a unix socket that takes one request a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from golemnet.errors import GolemError
from golemnet.local.layout import Layout
from golemnet.local.messages import MAX_LINE_BYTES, Failure, NetworkState, Reply, Request

ANSWER_TIMEOUT_S = 60.0
Answer = Callable[[Request], Awaitable[NetworkState | None]]


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Listen at ``path``; each request is answered by what ``answer`` returns, or by its GolemError."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(await _reply(await reader.readline(), answer)) + b"\n")
            await writer.drain()
        finally:
            writer.close()

    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return await asyncio.start_unix_server(talk, path, limit=MAX_LINE_BYTES)


async def stop(layout: Layout, timeout_s: float) -> bool:
    """Let the supervisor end the network, and wait until it has; whether there was one.

    Raises:
        GolemError: it does not end in time.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(layout.control_socket)
    except OSError:
        return False
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(msgspec.json.encode(Request("stop")) + b"\n")
            # The supervisor answers nothing: its end closes the connection.
            await reader.read()
    except TimeoutError as error:
        raise GolemError(
            f"The local network has not ended within {timeout_s:.0f} s.",
            next_step=f"See {layout.log('supervisor')}",
        ) from error
    except ConnectionError:
        return True
    finally:
        writer.close()
    return True


async def ask(layout: Layout, request: Request) -> NetworkState | None:
    """What the supervisor of the network at ``layout`` answers.

    Raises:
        GolemError: the network is not up; or what the supervisor says.
    """
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            line = await _exchange(layout.control_socket, msgspec.json.encode(request))
    except (OSError, TimeoutError) as error:
        raise GolemError(
            "The local network is not up.",
            why=f"Nobody answers at {layout.control_socket}.",
            next_step="Start it: golem local up",
        ) from error
    reply = msgspec.json.decode(line, type=Reply)
    if reply.failure:
        raise GolemError(reply.failure.what, why=reply.failure.why, next_step=reply.failure.next_step)
    return reply.network


async def _exchange(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
    try:
        writer.write(request + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise ConnectionResetError("the supervisor has ended")
    return line


async def _reply(line: bytes, answer: Answer) -> Reply:
    try:
        return Reply(await answer(msgspec.json.decode(line, type=Request)))
    except msgspec.DecodeError as error:
        return Reply(failure=Failure("The request is malformed.", str(error)))
    except GolemError as error:
        return Reply(failure=as_failure(error))


def as_failure(error: GolemError) -> Failure:
    """``error`` as it travels."""
    return Failure(error.what, error.why, error.next_step)
